"""`GET /api/v1/tickets/stream` tells what changes at one's queues; `/api/v1/tickets/{id}/presence` who looks at one.

The stream tells state, not history: numbers, clocks and names. It begins anew wherever it was cut.
"""

import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.live import Listener, get_watcher, leave_ticket, look_at_ticket
from escalation.selectors import find_ticket
from escalation.selectors.listening import find_views
from orchestration.api.access import entry_of
from orchestration.api.base import ApiView
from orchestration.api.stream import BEAT_SECONDS, LONGEST_SECONDS, EventStreamRenderer, StreamsExhausted

MOST_STREAMS: Final = 1_000
MOST_STREAMS_OF_ONE: Final = 20
_RETRY_MILLISECONDS: Final = (1_000, 3_000)

_open: Counter[int] = Counter()


class Lookers(serializers.Serializer[Any]):
    """Who else looks at a ticket."""

    others = serializers.ListField(child=serializers.CharField(), read_only=True)


class TicketStream(ApiView):
    """What happens to tickets, as it happens."""

    renderer_classes = (EventStreamRenderer, JSONRenderer)
    throttle_classes = ()
    http_method_names = ("get", "options")

    @extend_schema(operation_id="tickets_stream", responses={(200, "text/event-stream"): OpenApiTypes.STR})
    def get(self, _request: Request) -> HttpResponseBase:
        """Tell which tickets of your review queues change, within a second or two.

        Events: `again`: ask for what you show anew, also at the beginning.  `tickets`: a list of changed tickets with
        their clocks and holders.  `looking`: a list of tickets with the names of those who look at them now. Comments
        come in quiet times. The stream ends after ten minutes, and soon after you may look no longer: open it again.
        """
        self.check_parameters()
        view = find_views([self.caller])[self.caller]
        if _open.total() >= MOST_STREAMS or _open[self.person.pk] >= MOST_STREAMS_OF_ONE:
            raise StreamsExhausted("as many streams are open here as may be; close some, or come back later")
        if not connection.in_atomic_block:
            # The response outlives this thread's work by minutes.
            connection.close()
        stream = _speak(Listener(entry_of(self.request), view), self.person.pk)
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(stream, content_type="text/event-stream", headers=headers)


class TicketPresence(ApiView):
    """Looking at a ticket."""

    throttle_classes = ()

    @extend_schema(operation_id="look_at_ticket", request=None, responses=Lookers)
    def put(self, _request: Request, ticket_id: int) -> Response:
        """Say that you look at a ticket, and see who else does. Say it again every 15 seconds; after 45 it is over."""
        ticket = find_ticket(self.caller, ticket_id)
        return Response({"others": look_at_ticket(ticket.pk, self.person)})

    @extend_schema(operation_id="leave_ticket", request=None, responses={204: None})
    def delete(self, _request: Request, ticket_id: int) -> Response:
        """Say that you look no longer."""
        leave_ticket(find_ticket(self.caller, ticket_id).pk, self.person)
        return Response(status=204)


async def _speak(listener: Listener, person_id: int) -> AsyncIterator[bytes]:
    watcher = get_watcher()
    ends_at = time.monotonic() + LONGEST_SECONDS
    _open[person_id] += 1
    try:
        watcher.join(listener)
        # Each client comes back after a time of its own, so that a restart is no stampede.
        yield f"retry: {random.randint(*_RETRY_MILLISECONDS)}\n\n".encode()  # noqa: S311 - spreads, guards nothing
        while time.monotonic() < ends_at and not listener.is_over:
            is_anew, changes, looks = await listener.take(BEAT_SECONDS)
            if is_anew:
                yield _write("again", {})
            if changes:
                yield _write("tickets", [asdict(change) for change in changes])
            if looks:
                yield _write("looking", [asdict(look) for look in looks])
            if not (is_anew or changes or looks):
                yield b": still here\n\n"
    finally:
        watcher.leave(listener)
        _open[person_id] -= 1
        if not _open[person_id]:
            del _open[person_id]


def _write(kind: str, data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data, cls=DjangoJSONEncoder)}\n\n".encode()
