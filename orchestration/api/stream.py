"""`GET /api/v1/runs/{id}/stream`: a run's history as server-sent events, from any place on, until the run ends.

The view decides who may listen and gives its connection back; the stream that goes on after it holds none.
`following.py` feeds it, and `overhearing.py` with what models say meanwhile.
"""

import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from django.db import connection
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from orchestration.api.access import entry_of
from orchestration.api.base import ApiView
from orchestration.api.following import Listener, get_follower
from orchestration.api.overhearing import get_ear
from orchestration.api.problems import ParameterInvalid
from orchestration.selectors.follow import BEGINNING, Cursor, parse_cursor
from orchestration.selectors.scope import find_run

BEAT_SECONDS: Final = 15.0
MOST_STREAMS: Final = 1_000
MOST_STREAMS_OF_ONE: Final = 600
# A stream ends with the right to it, too: its client comes back with what it has now.
LONGEST_SECONDS: Final = 600.0
_RETRY_MILLISECONDS: Final = (1_000, 3_000)

_open: Counter[int] = Counter()


class StreamsExhausted(APIException):
    """This process serves as many streams as it may."""

    default_code = "unavailable"
    wait = 5


class EventStreamRenderer(JSONRenderer):
    """Lets clients ask for an event stream; what is not one, a refusal, is JSON all the same."""

    media_type = "text/event-stream"
    format = "stream"


class RunStream(ApiView):
    """What happens in a run, as it happens."""

    renderer_classes = (EventStreamRenderer, JSONRenderer)
    # A stream is bounded by how many are open, not by how often clients come back to theirs.
    throttle_classes = ()
    http_method_names = ("get", "options")

    @extend_schema(
        operation_id="runs_stream",
        parameters=[
            OpenApiParameter(
                "Last-Event-ID", str, OpenApiParameter.HEADER, description="Go on behind this line."
            ),
            OpenApiParameter("after", str, description="The same, for clients that can't set the header."),
        ],
        responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )
    def get(self, request: Request, run_id: UUID) -> HttpResponseBase:
        """Send the history of a run, and go on as it grows.

        Each event's data is a line of the history as JSON; its id is the place to go on from. Comments come in
        quiet times. The event `end` says with which status the run ended; nothing follows it. A stream that ends
        without one, by the network, after ten minutes or as you may look no longer, is to be resumed.
        """
        run = find_run(self.caller, run_id)
        cursor = _read_place(request)
        _refuse_too_many(self.person.pk)
        if not connection.in_atomic_block:
            # The response outlives this thread's work by minutes.
            connection.close()
        stream = _speak(Listener(run.pk, cursor, entry_of(request)), self.person.pk)
        headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(stream, content_type="text/event-stream", headers=headers)


def _read_place(request: Request) -> Cursor:
    header = request.headers.get("Last-Event-ID")
    name, text = ("Last-Event-ID", header) if header else ("after", request.query_params.get("after"))
    if not text:
        return BEGINNING
    try:
        return parse_cursor(text)
    except ValueError as error:
        raise ParameterInvalid(f"{name}: {error}; leave it out to begin at the beginning") from None


def _refuse_too_many(person_id: int) -> None:
    if _open.total() >= MOST_STREAMS or _open[person_id] >= MOST_STREAMS_OF_ONE:
        raise StreamsExhausted("as many streams are open here as may be; close some, or come back later")


async def _speak(listener: Listener, person_id: int) -> AsyncIterator[bytes]:
    follower, ear = get_follower(), get_ear()
    ends_at = time.monotonic() + LONGEST_SECONDS
    _open[person_id] += 1
    try:
        follower.join(listener)
        ear.join(listener)
        # Each client comes back after a time of its own, so that a restart is no stampede.
        yield f"retry: {random.randint(*_RETRY_MILLISECONDS)}\n\n".encode()  # noqa: S311 - spreads, guards nothing
        while time.monotonic() < ends_at:
            message = await listener.take(BEAT_SECONDS)
            yield message.text if message else b": still here\n\n"
            if message and message.is_last:
                return
    finally:
        follower.leave(listener)
        ear.leave(listener)
        _open[person_id] -= 1
        if not _open[person_id]:
            del _open[person_id]
