"""Shows a verifier outputs whose worth is known, and keeps what it said of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from agents.domain.invocation import Answered, Failed, Outcome, Task
from agents.domain.reading import read_json
from agents.errors import UnreadableJson, UnreadableOutput
from agents.invoke import invoke
from agents.selectors import find_contract
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.verdicts import FAIL, PASS, read_verdict
from orchestration.errors import ProbeRefused
from orchestration.models import VerifierTrial
from orchestration.planning import find_terms


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class ProbeCase:
    """One output of known worth.

    Attributes: output: what the verifier is to judge.  expected: what a good verifier says of it.
        instructions: what had been asked for.  handoff: what the step had received, by key.
    """

    output: Any
    expected: Literal["PASS", "FAIL"]
    instructions: Any = None
    handoff: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What a verifier said of a case. `is_right`: as expected."""

    case: ProbeCase
    said: str
    reasons: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Return whether it said what was expected."""
        return self.said == self.case.expected


_CASE: Final = TypeAdapter(ProbeCase)


def read_cases(text: str) -> list[ProbeCase]:
    """Read cases, one JSON object a line; empty lines are passed over.

    Raises: ProbeRefused: names line and field.
    """
    cases = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = _CASE.validate_python(read_json(line))
            canonical(_shown(case))
        except UnreadableJson as error:
            raise ProbeRefused(f"line {number}: {error}") from error
        except UnreadableOutput as error:
            raise ProbeRefused(f"line {number}: {error.path.lstrip('/')}: {error.reason}") from error
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(str(part) for part in fault["loc"]) or "case"
            raise ProbeRefused(f"line {number}: {place}: {fault['msg']}") from error
        cases.append(case)
    if not cases:
        raise ProbeRefused("there is no case; give one JSON object a line")
    return cases


def probe_verifier(agent: str, cases: list[ProbeCase]) -> list[ProbeAnswer]:
    """Ask a verifier about every case, in order, and keep its answers.

    Raises: ProbeRefused: nobody here knows the agent, or it does more than judge.
    """
    contract = find_contract(agent)
    if contract is None:
        raise ProbeRefused(f"unknown agent '{agent}'; `manage.py list_agents` shows the known ones")
    if contract.effects:
        # A trial is no run: nothing of it could be held, proven or undone.
        raise ProbeRefused(
            f"'{agent}' is no verifier, it {' and '.join(contract.effects)}; nothing was asked"
        )
    seconds = find_terms(agent).timeout_seconds
    answers = [
        _read(case, invoke(agent, _describe(case, number), timeout_seconds=seconds))
        for number, case in enumerate(cases)
    ]
    VerifierTrial.objects.bulk_create(
        VerifierTrial(
            agent=agent,
            agent_version=contract.version,
            case_digest=digest_text(canonical(_shown(answer.case))),
            expected=answer.case.expected,
            said=answer.said,
            reasons_json=json.dumps(answer.reasons),
        )
        for answer in answers
    )
    return answers


def _shown(case: ProbeCase) -> Mapping[str, Any]:
    return {"output": case.output, "instructions": case.instructions, "handoff": case.handoff}


def _describe(case: ProbeCase, number: int) -> Task:
    """Return the task of a verifier, as the engine would give it."""
    return Task(
        input={"output": case.output, "instructions": case.instructions},
        handoff=case.handoff,
        run_input={},
        run_id="probe",
        step_key=f"probe?{number}",
        attempt=1,
        token="",
        idempotency_key=f"probe:{digest_text(canonical(_shown(case)))}",
        item=case.output,
    )


def _read(case: ProbeCase, outcome: Outcome) -> ProbeAnswer:
    match outcome:
        case Answered():
            passed, reasons = read_verdict(outcome.output)
            return ProbeAnswer(case, PASS if passed else FAIL, reasons)
        case Failed():
            return ProbeAnswer(case, FAIL, (f"it failed: {outcome.message}",))
        case _:
            return ProbeAnswer(case, FAIL, ("it sent work back instead of a verdict",))
