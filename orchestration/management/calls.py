"""The calls of a run as rows and as JSON: a part of what `show_run` prints."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from orchestration.journal.reading import read_texts
from orchestration.management.terminal import show_text, show_time
from orchestration.models import Call

CALL_HEAD: Final = ("STEP", "CALL", "STATE", "TRIES", "BEGAN", "ENDED", "USED", "WHY NOT")
_ERROR_WIDTH: Final = 120
_USED_WIDTH: Final = 120


def call_rows(calls: Iterable[Call], keys: Mapping[int, str]) -> list[tuple[str, ...]]:
    """Return the calls as rows of a table; `--json` has what was asked and answered."""
    return [
        (
            keys.get(call.step_id, ""),
            call.path,
            call.state,
            ", ".join(f"{each.attempt} {each.state}" for each in call.tries.all()),
            show_time(call.begun_at),
            show_time(call.ended_at),
            show_text(call.usage.words if call.usage else "", _USED_WIDTH),
            show_text(
                next((each.error for each in reversed(call.tries.all()) if each.error), ""), _ERROR_WIDTH
            ),
        )
        for call in calls
    ]


def describe_call(call: Call, keys: Mapping[int, str]) -> dict[str, Any]:
    """Return a call as JSON values, without secrets."""
    texts = read_texts(call)
    return {
        "step": keys.get(call.step_id),
        "journal": call.journal,
        "path": call.path,
        "kind": call.kind,
        "name": call.name,
        "state": call.state,
        "begun_at": call.begun_at.isoformat(),
        "ended_at": call.ended_at and call.ended_at.isoformat(),
        "due_at": call.due_at and call.due_at.isoformat(),
        "request": texts.request,
        "response": texts.response,
        "request_digest": call.request_digest,
        "response_digest": call.response_digest,
        "usage": None if call.usage is None else asdict(call.usage),
        "tries": [
            {
                "number": each.number,
                "attempt": each.attempt,
                "state": each.state,
                "begun_at": each.begun_at.isoformat(),
                "ended_at": each.ended_at and each.ended_at.isoformat(),
                "error": each.error,
                "tokens": each.tokens,
                "cost_micro_usd": each.cost_micro_usd,
            }
            for each in call.tries.all()
        ],
    }
