"""What agents called, as the pages of a run and of a step show it: folded, with its tries, without secrets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents.domain.calls import CallKind
from agents.domain.model_answers import SaidPart, read_said
from agents.domain.reading_back import COMPACT
from orchestration.admin.addresses import step_url
from orchestration.admin.chips import chip
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.admin.words import describe_span
from orchestration.domain.calls import CallState, TryState
from orchestration.domain.losses import SUMMED, tell_loss
from orchestration.domain.states import FINAL
from orchestration.journal.reading import CallTexts, list_calls, show_texts
from orchestration.models import Call, CallTry, Step

_MOST: Final = 50
_TONES: Final[dict[str, str]] = {
    TryState.BEGUN: "running",
    CallState.OPEN: "waiting",
    TryState.DONE: "succeeded",
    TryState.FAILED: "failed",
    TryState.LOST: "cancelled",
    TryState.WITHDRAWN: "waiting",
}


@dataclass(frozen=True, slots=True)
class TryView:
    """One time that a call was made."""

    row: CallTry
    state: SafeString
    took: str
    used: str
    error: SafeString


@dataclass(frozen=True, slots=True)
class SaidView:
    """A part of what a model said. `tool`: that it wants called with these arguments; "": it is text."""

    text: SafeString
    tool: SafeString


@dataclass(frozen=True, slots=True)
class CallView:
    """One call. Texts are escaped; None where there is none, or it is not shown.

    `lost`: by a conversation that was told in short.
    `live_attempt`: which attempt asks a model right now: what that says may be shown meanwhile.
    """

    row: Call
    step_url: str
    path: SafeString
    state: SafeString
    stands: str
    took: str
    used: SafeString
    tries: list[TryView]
    live_attempt: int | None
    said: list[SaidView]
    request: SafeString | None
    response: SafeString | None
    hidden: str
    lost: str = ""


def show_calls(request: HttpRequest, step: Step, user_id: int | None) -> dict[str, Any]:
    """Return the calls of a step for its page, the latest journal last.

    Args: request: its `calls` says from which call on; the page links to the rest.
    """
    after = request.GET.get("calls", "")
    rows = list_calls(step_id=step.pk).defer(None)
    if after.isascii() and after.isdecimal() and len(after) < 19:
        rows = rows.filter(pk__gt=int(after))
    found = list(rows[: _MOST + 1])
    calls = found[:_MOST]
    return {
        "calls": view_calls(calls, user_id),
        "calls_after": calls[-1].pk if len(found) > _MOST else None,
    }


def view_calls(calls: Sequence[Call], user_id: int | None) -> list[CallView]:
    """Return calls as pages show them: without what somebody may not see. Their steps and tries must be loaded."""
    texts = show_texts(calls, user_id)
    return [_view(call, texts[call.pk]) for call in calls]


def _view(call: Call, texts: CallTexts) -> CallView:
    return CallView(
        row=call,
        step_url=step_url(call.run_id, call.step.key),
        path=mark_unseen(call.path),
        state=_show_state(call),
        stands=tell_wait(call),
        took=describe_span(call.begun_at, call.ended_at),
        used=mark_unseen(call.usage.words if call.usage else ""),
        tries=[
            TryView(
                each,
                chip(_TONES[each.state], each.state),
                describe_span(each.begun_at, each.ended_at),
                _describe_cost(each),
                mark_unseen(each.error),
            )
            for each in call.tries.all()
        ],
        live_attempt=_find_live_attempt(call),
        said=_view_said(call, texts),
        request=None if texts.request is None else show_json(texts.request),
        response=None if texts.response is None else show_json(texts.response),
        hidden=texts.hidden,
        lost=_tell_lost(call, texts.response),
    )


def _tell_lost(call: Call, response_json: str | None) -> str:
    """Return what a model's conversation lost when it was told in short; somebody's own call may have that name."""
    if call.name != COMPACT or call.kind != CallKind.ONCE or response_json is None:
        return ""
    said = json.loads(response_json)
    loss = said.get("loss") if isinstance(said, dict) else None
    return tell_loss(loss) if isinstance(loss, dict) and loss.keys() >= {*SUMMED, "fell_back"} else ""


def tell_wait(call: Call) -> str:
    """Return how an open wait stands, in words; its end is shown beside them. Its step must be loaded."""
    if call.is_awaited:
        return "Waits for an answer"
    if call.step.status in FINAL or call.journal != call.step.renewals:
        return "Nobody waits for it any more"
    return "Its step has gone on, and may come to it again"


def _show_state(call: Call) -> SafeString:
    if call.state == CallState.OPEN and not call.is_awaited:
        return chip("cancelled", "left")
    return chip(_TONES[call.state], call.state)


def list_live_calls(run_id: UUID) -> QuerySet[Call]:
    """Return the calls that ask a model right now."""
    rows = list_calls(run_id=run_id).defer(None)
    return rows.filter(kind=CallKind.MODEL, state=CallState.BEGUN, tries__state=TryState.BEGUN)


def _find_live_attempt(call: Call) -> int | None:
    if call.kind != CallKind.MODEL or call.state != CallState.BEGUN:
        return None
    return max((each.attempt for each in call.tries.all() if each.state == TryState.BEGUN), default=None)


def _view_said(call: Call, texts: CallTexts) -> list[SaidView]:
    if call.kind != CallKind.MODEL or texts.response is None:
        return []
    return [SaidView(_show_said(part), mark_unseen(part.tool)) for part in read_said(texts.response)]


def _show_said(part: SaidPart) -> SafeString:
    try:
        return show_json(part.text) if part.tool else mark_unseen(part.text)
    except ValueError:  # arguments as a model wrote them, which need not be JSON
        return mark_unseen(part.text)


def _describe_cost(each: CallTry) -> str:
    told = (
        f"{each.tokens:,} tokens" if each.tokens else "",
        f"{each.cost_usd} US dollars" if each.cost_usd else "",
    )
    return ", ".join(filter(None, told))
