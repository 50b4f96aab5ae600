"""The journal of calls, read."""

from typing import Any, NamedTuple

from django.db.models import QuerySet

from orchestration.domain.calls import CallLine, CallsMade, CallState, digest_calls
from orchestration.models import Call


class KeptCall(NamedTuple):
    """A call that was done, as a later attempt finds it."""

    path: str
    name: str
    request_digest: str
    response_digest: str
    response_json: str

    @property
    def line(self) -> CallLine:
        """Return what a receipt commits to."""
        return CallLine(self.path, self.name, self.request_digest, self.response_digest)


def load_kept_calls(step_id: int, journal: int) -> dict[str, KeptCall]:
    """Return the calls of a step's journal that were done, by path."""
    rows = _done(step_id, journal).values_list(*KeptCall._fields)
    return {call.path: call for call in map(KeptCall._make, rows)}


def load_calls_made(step_id: int, journal: int) -> CallsMade | None:
    """Return what a receipt says of the calls of a step's journal; None where none was done."""
    lines = _done(step_id, journal).values_list(*CallLine._fields)
    return digest_calls(journal, map(CallLine._make, lines))


def _done(step_id: int, journal: int) -> QuerySet[Call, Any]:
    return Call.objects.order_by().filter(step=step_id, journal=journal, state=CallState.DONE)
