"""The journal of calls, read."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import F, Prefetch, Q, QuerySet
from django.db.models.functions import Now

from agents.domain.call_texts import read_response
from agents.domain.calls import CallKind, CallWish, Kept
from agents.domain.redaction import redact_json
from agents.errors import CallDiverged
from orchestration.domain.calls import (
    CallLine,
    CallsMade,
    CallState,
    OpenWait,
    SignalName,
    digest_calls,
)
from orchestration.domain.states import StepStatus
from orchestration.models import Call, Signal
from orchestration.selectors.mailboxes import withhold_answers
from orchestration.selectors.run_details import LARGE_OF_STEP
from orchestration.selectors.withheld import withhold, withhold_handed, withhold_recalled

_LOOK_PATIENCE: Final = timedelta(seconds=1)
_TEXTS: Final = ("request_json", "response_json")


class KeptCall(NamedTuple):
    """A call that was done, as a later attempt finds it. `is_past`: what it waited for is waited for anew."""

    path: str
    name: str
    request_digest: str
    response_digest: str
    response_json: str
    version: int
    is_past: bool = False

    @property
    def line(self) -> CallLine:
        """Return what a receipt commits to."""
        return CallLine(self.path, self.name, self.request_digest, self.response_digest)


class CallBegun(NamedTuple):
    """A call that was begun and not done."""

    path: str
    name: str
    request_digest: str


class CallTexts(NamedTuple):
    """What was asked of a call, and its answer, as people see them: JSON without secrets.

    Attributes: response: None while there is none.  hidden: why neither is shown; "" when they are.
    """

    request: str | None
    response: str | None
    hidden: str


def load_kept_calls(step_id: int, journal: int) -> dict[str, KeptCall]:
    """Return the calls of a step's journal that were done, by path."""
    rows = _done(step_id, journal).values_list(*KeptCall._fields)
    return {call.path: call for call in map(KeptCall._make, rows)}


def load_begun_tools(step_id: int, journal: int, version: int) -> list[CallBegun]:
    """Return the calls of tools that were begun for versions below this one and not done, in their order."""
    rows = Call.objects.filter(
        step=step_id, journal=journal, state=CallState.BEGUN, kind=CallKind.TOOL, version__lt=version
    )
    return list(map(CallBegun._make, rows.order_by("pk").values_list(*CallBegun._fields)))


def load_calls_made(step_id: int, journal: int) -> CallsMade | None:
    """Return what a receipt says of the calls of a step's journal; None where none was done."""
    lines = _done(step_id, journal).values_list(*CallLine._fields)
    return digest_calls(journal, map(CallLine._make, lines))


def find_unlooked(limit: int, root_id: UUID | None = None) -> list[SignalName]:
    """Return where signals came and nobody looked who waits for them, within a second; of one tree: at once."""
    where = Q(sent_at__lt=Now() - _LOOK_PATIENCE) if root_id is None else Q(run__root_id=root_id)
    found = Signal.objects.filter(where, is_new=True).order_by("pk").values_list("run_id", "name")[:limit]
    return [SignalName(*pair) for pair in dict.fromkeys(found)]


def find_open_waits(root_id: UUID, *, times_out: bool) -> list[int]:
    """Return the open waits for a time in a tree of runs; with those for signals that can be over, too."""
    kinds = [CallKind.TIMER, CallKind.SIGNAL, CallKind.MESSAGE] if times_out else [CallKind.TIMER]
    rows = _awaited().filter(run__root_id=root_id, kind__in=kinds, due_at__isnull=False)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def list_awaited(*, run_id: UUID | None = None, step_id: int | None = None) -> QuerySet[Call]:
    """Return the open calls for which the steps of a run wait, or one step does, in the order of their opening."""
    about = {"run": run_id} if step_id is None else {"step": step_id}
    awaited = _awaited().filter(**about).select_related("step").order_by("pk")
    return awaited.defer(*_TEXTS, *(f"step__{name}" for name in LARGE_OF_STEP))


def list_signals(run_id: UUID) -> QuerySet[Signal]:
    """Return the signals that came to a run, in their order, without their values, with the calls they answered."""
    signals = Signal.objects.filter(run=run_id).select_related("step").order_by("pk").defer("value_json")
    return signals.prefetch_related(Prefetch("calls", Call.objects.order_by("pk").defer(*_TEXTS)))


def find_questions(step_id: int, journal: int) -> dict[int, OpenWait]:
    """Return what a step's agent asks of people and was not answered, by the call's id, in the order of asking."""
    rows = _awaited().filter(step=step_id, journal=journal, kind=CallKind.ASK)
    found = rows.order_by("pk").values_list("pk", "path", "name", "request_json")
    return {
        number: OpenWait(path, CallKind.ASK, name, request_json) for number, path, name, request_json in found
    }


def _awaited() -> QuerySet[Call, Any]:
    """Return the open calls at which somebody waits, as `is_awaited` of `waiting.py` says."""
    return Call.objects.filter(
        state=CallState.OPEN,
        journal=F("step__renewals"),
        awaited_in=F("step__attempt"),
        step__status__in=[StepStatus.WAITING, StepStatus.HELD],
    )


def _done(step_id: int, journal: int) -> QuerySet[Call, Any]:
    return Call.objects.order_by().filter(step=step_id, journal=journal, state=CallState.DONE)


def list_calls(*, run_id: UUID | None = None, step_id: int | None = None) -> QuerySet[Call]:
    """Return the calls of a run or of a step in the order in which they began, without what was asked and answered."""
    about = {"run": run_id} if step_id is None else {"step": step_id}
    calls = Call.objects.filter(**about).select_related("step").prefetch_related("tries").order_by("pk")
    return calls.defer(*_TEXTS, *(f"step__{name}" for name in LARGE_OF_STEP))


def show_texts(calls: Sequence[Call], user_id: int | None) -> dict[int, CallTexts]:
    """Return what was asked and answered, by the call's id, without secrets; or why somebody may not see it.

    A model is asked with what its step was handed, and memories are looked for with it: that is kept from whoever may
    not see it where it comes from.
    """
    texts: dict[int, list[str | None]] = {}
    for call in calls:
        texts.setdefault(call.step_id, []).extend((call.request_json, call.response_json))
    hidden = withhold(texts, user_id)
    of_others = withhold_answers([call.pk for call in calls if call.kind == CallKind.MESSAGE], user_id)
    of_others |= _withhold_asked(calls, user_id)
    return {
        call.pk: _read_texts(call, hidden.get(call.step_id) or of_others.get(call.pk, "")) for call in calls
    }


def _withhold_asked(calls: Sequence[Call], user_id: int | None) -> dict[int, str]:
    """Return why what was asked with what a step was handed is not shown to somebody, by the call's id."""
    of_models = [call for call in calls if call.kind == CallKind.MODEL]
    asked = [*of_models, *(call for call in calls if call.kind == CallKind.MEMORY)]
    handed = withhold_handed(((call.run_id, call.step_id) for call in asked), user_id)
    recalled = withhold_recalled({call.step_id for call in of_models}, user_id)
    why = {call.pk: recalled.get(call.step_id, "") for call in of_models}
    return {call.pk: handed.get(call.step_id) or why.get(call.pk, "") for call in asked}


def read_texts(call: Call) -> CallTexts:
    """Return what was asked and answered, without secrets, for whoever may see all."""
    return _read_texts(call, "")


def _read_texts(call: Call, hidden: str) -> CallTexts:
    if hidden:
        return CallTexts(None, None, hidden)
    response = call.response_json
    return CallTexts(redact_json(call.request_json), None if response is None else redact_json(response), "")


def answer_from(wish: CallWish, request_digest: str, response_json: str | None) -> Kept | CallDiverged:
    """Return what is stored under a path, or why it is no answer to what is asked now."""
    if request_digest != wish.digest or response_json is None:
        return CallDiverged(wish.path)
    try:
        read_response(wish.path, response_json)
    except CallDiverged as unreadable:
        return unreadable
    return Kept(response_json)
