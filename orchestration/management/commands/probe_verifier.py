"""`probe_verifier`: how good is a verifier?"""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from agents.management.base import EngineCommand
from agents.selectors import find_contract
from orchestration.domain.verdicts import Score
from orchestration.errors import ProbeRefused
from orchestration.management.arguments import add_json_switch, read_text
from orchestration.management.terminal import show_table, show_text
from orchestration.runs.probe import ProbeAnswer, probe_verifier, read_cases
from orchestration.selectors.verifiers import VerifierRecord, list_verifier_records

_HEADINGS = (
    *("VERIFIER", "JUDGED BY", "BAD: FAILED", "PASSED", "FALSE PASS"),
    *("GOOD: PASSED", "FAILED", "FALSE FAIL"),
)


class Command(EngineCommand):
    """Probe a verifier."""

    help = (
        "Show a verifier cases with known answers, keep what it says, and show its record: how often it passed what is "
        "bad and failed what is good, by these trials and by what people decided later."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verifier and its cases."""
        parser.add_argument(
            "name", metavar="NAME", nargs="?", help="The verifier; without it: all, as known."
        )
        parser.add_argument(
            "--cases",
            metavar="FILE.jsonl",
            help='One case a line: {"output": ..., "expected": "PASS" or "FAIL", "instructions": ..., "handoff": {}}; '
            "or -, standard input.",
        )
        add_json_switch(parser)

    def handle(self, *args: Any, name: str | None, cases: str | None, as_json: bool, **options: Any) -> None:
        """Ask, if there are cases, and write the record."""
        answers = _ask(name, cases)
        records = list_verifier_records(name)
        if not records and name is not None and find_contract(name) is None:
            raise CommandError(f"NAME: unknown agent '{name}'; `manage.py list_agents` shows the known ones.")
        if as_json:
            said = {
                "answers": [_describe_answer(answer) for answer in answers],
                "verifiers": [_describe_record(record) for record in records],
            }
            self.stdout.write(json.dumps(said, indent=2))
        else:
            self.stdout.write("\n".join([*_show_answers(answers), *_show_records(records)]))


def _ask(name: str | None, cases: str | None) -> list[ProbeAnswer]:
    if cases is None:
        return []
    if name is None:
        raise CommandError("NAME: say which verifier is to be asked about the cases.")
    try:
        return probe_verifier(name, read_cases(read_text("--cases", cases if cases == "-" else f"@{cases}")))
    except ProbeRefused as error:
        raise CommandError(f"--cases: {error}.") from None


def _describe_answer(answer: ProbeAnswer) -> dict[str, Any]:
    return {
        "expected": answer.case.expected,
        "said": answer.said,
        "is_right": answer.is_right,
        "reasons": answer.reasons,
        "output": answer.case.output,
    }


def _describe_record(record: VerifierRecord) -> dict[str, Any]:
    return asdict(record) | {
        "by_people": _describe_score(record.by_people),
        "by_trials": _describe_score(record.by_trials),
    }


def _describe_score(score: Score) -> dict[str, Any]:
    rates = {"false_pass_rate": score.false_pass_rate, "false_fail_rate": score.false_fail_rate}
    return asdict(score) | rates


def _show_answers(answers: list[ProbeAnswer]) -> list[str]:
    if not answers:
        return []
    wrong = [(number, answer) for number, answer in enumerate(answers, start=1) if not answer.is_right]
    lines = [f"{len(answers) - len(wrong)} of {len(answers)} cases as expected."]
    lines += [
        f"  case {number}: said {answer.said}, expected {answer.case.expected}: "
        f"{show_text(json.dumps(answer.case.output), 80)} ({show_text('; '.join(answer.reasons), 80) or 'no reason'})"
        for number, answer in wrong
    ]
    return [*lines, ""]


def _show_records(records: list[VerifierRecord]) -> list[str]:
    if not records:
        return ["No verdict is known yet."]
    rows = [
        (record.agent, by, *_show_score(score))
        for record in records
        for by, score in (("people", record.by_people), ("trials", record.by_trials))
    ]
    return show_table(_HEADINGS, rows)


def _show_score(score: Score) -> tuple[str, ...]:
    return (
        str(score.bad_failed),
        str(score.bad_passed),
        _show_rate(score.false_pass_rate),
        str(score.good_passed),
        str(score.good_failed),
        _show_rate(score.false_fail_rate),
    )


def _show_rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.0%}"
