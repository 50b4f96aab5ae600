"""Lines of the lineage in words; and as text: JSON lines, which are exact, and CSV, which people open as a sheet."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from agents.domain.redaction import redact, redact_json
from orchestration.domain.policy.rules import describe_decision
from orchestration.domain.sheets import write_row
from orchestration.domain.states import HandoffKind
from orchestration.models import LineageKind, LineageLine

Said: TypeAlias = Mapping[str, Any]
_PIN: Final = "pin"
_RECALL: Final = "recall"
COLUMNS: Final = ("id", "at", "kind", "run", "step", "attempt", "name", "words", "data")


def tell_line(line: LineageLine) -> str:
    """Return a line in words, without secrets."""
    return redact(_TELLERS[LineageKind(line.kind)](line, json.loads(line.data_json)))


def _tell_event(line: LineageLine, _said: Said) -> str:
    return line.name.replace("_", " ")


def _tell_decision(line: LineageLine, said: Said) -> str:
    return f"decided: {describe_decision(said['kind'], line.name)}{_after(said['reason'])}"


def _tell_call(line: LineageLine, said: Said) -> str:
    used = f", {said['tokens']:,} tokens" if said["tokens"] else ""
    return f"called {line.name}, try {said['try']}: {said['state']}{used}{_after(said['error'])}"


def _tell_wait(line: LineageLine, said: Said) -> str:
    return f"waits at {line.name}" + ("" if said["ended_at"] is None else ", and was answered later")


def _after(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _tell_handoff(line: LineageLine, said: Said) -> str:
    sender, tokens = line.name, f"{said['tokens_after']:,} tokens"
    if said["kind"] == HandoffKind.RECALL:
        return f"was handed {sender.replace(':', ' ', 1)}, {tokens}"
    if said["kind"] == HandoffKind.FETCH:
        return f"fetched {said['pointer'] or 'all'} of what '{sender}' put out, {tokens}"
    by = f", shortened by {said['summarised_by']}" if said["summarised_by"] else ""
    return f"was handed what '{sender}' put out, {tokens}{by}"


def _tell_mail(line: LineageLine, said: Said) -> str:
    about = f"message {said['message']} ({said['kind']})"
    if line.kind == LineageKind.MESSAGE:
        failure = " that there is no answer" if said["is_failure"] else ""
        # What no step sent, somebody outside did.
        sender = "" if line.run_id else f"{said['from']} "
        return f"{sender}sent {about} to {line.name}{failure}{_after(said['refusal'])}"
    if line.run_id is None:
        return f"{about} of {line.name} came, and is {said['state']}{_after(said['reason'])}"
    return f"turn {said['turn']} got {about} of {line.name}"


def _tell_memory(line: LineageLine, said: Said) -> str:
    key = line.name
    whose = f"{said['scope']} {said['scope_id']}".strip()
    by = f" by {said['by']}" if said["by"] else ""
    if said["did"] == "forgotten":
        return f"version {said['version']} of '{key}' ({whose}) was forgotten{by}{_after(said['reason'])}"
    return f"remembered '{key}' ({whose}) as version {said['version']}{by}"


def _tell_look(line: LineageLine, said: Said) -> str:
    key = line.name
    if key == _PIN and said["scope"] is None:
        return f"looks at memories as they stood at {said['as_of']}"
    if said["state"] != "done" or said["found"] is None:
        return f"looked for memories ({said['scope']}): {said['state']}{_after(said['error'])}"
    number = len(said["found"])
    if key == _RECALL:
        return f"looked for memories like a text ({said['scope']}), and found {number}"
    return f"looked up '{key}' ({said['scope']}), and " + ("found it" if number else "there was none")


def _tell_ticket(line: LineageLine, said: Said) -> str:
    act = line.name
    ticket = f"ticket {said['ticket']}"
    by = f" by {said['by']}" if said["by"] else ""
    if act == "opened":
        return f"{ticket} was opened in '{said['queue']}'{_after(said['more'])}"
    more = f": {said['more']}" if said["more"] else ""
    return f"{ticket}: {act.replace('_', ' ')}{by}{more}"


_TELLERS: Final[dict[LineageKind, Callable[[LineageLine, Said], str]]] = {
    LineageKind.EVENT: _tell_event,
    LineageKind.DECISION: _tell_decision,
    LineageKind.HANDOFF: _tell_handoff,
    LineageKind.CALL: _tell_call,
    LineageKind.WAIT: _tell_wait,
    LineageKind.MESSAGE: _tell_mail,
    LineageKind.DELIVERY: _tell_mail,
    LineageKind.MEMORY: _tell_memory,
    LineageKind.LOOK: _tell_look,
    LineageKind.TICKET: _tell_ticket,
}


def read_data(line: LineageLine) -> Any:
    """Return what a line's words don't tell, without secrets."""
    return json.loads(redact_json(line.data_json))


def describe_line(line: LineageLine) -> dict[str, Any]:
    """Return a line as a JSON object, without secrets. Its step must be loaded."""
    return {
        "id": line.pk,
        "at": line.at.isoformat(),
        "kind": line.kind,
        "run": None if line.run_id is None else str(line.run_id),
        "step": line.step.key if line.step else None,
        "attempt": line.attempt,
        "name": line.name,
        "words": tell_line(line),
        "data": read_data(line),
    }


def write_json_lines(lines: Iterable[LineageLine]) -> Iterator[str]:
    """Yield one JSON object a line."""
    for line in lines:
        yield f"{json.dumps(describe_line(line))}\n"


def write_csv(lines: Iterable[LineageLine]) -> Iterator[str]:
    """Yield a head and one row a line; no cell is a formula."""
    yield write_row(COLUMNS)
    for line in lines:
        told = describe_line(line)
        told["data"] = json.dumps(told["data"])
        yield write_row(["" if told[name] is None else str(told[name]) for name in COLUMNS])


FORMS: Final[dict[str, Callable[[Iterable[LineageLine]], Iterator[str]]]] = {
    "jsonl": write_json_lines,
    "csv": write_csv,
}
"""By the name that commands and addresses give."""
