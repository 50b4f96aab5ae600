"""Turns released steps into Celery messages: the doorbell, never the truth.

Canvases are compiled of what was just released, never of a step that runs: a straight path is a chain, several
steps before one join are a chord, everything else is a message each and the database releases what follows. A
message that is lost, doubled or late does no harm. Must not write status. Read next: docs/adr/0004.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from celery import current_app, uuid
from celery.backends.redis import RedisBackend
from celery.canvas import Signature
from django.db import transaction

from orchestration.broker import Broker, Outage, explain
from orchestration.conf import get_conf
from orchestration.domain.messages import TASK, Link, read_link
from orchestration.domain.states import StepStatus
from orchestration.domain.waits import WaitsFor
from orchestration.domain.work import Released
from orchestration.models import Step
from orchestration.selectors.routes import Join, Route, Stop, load_joins, load_routes

ISOLATED = "isolated"
# How long no chords are made after whoever counts them has failed: their steps go out alone meanwhile.
_UNCOUNTED_SECONDS = 30.0
# While somebody waits for an answer. A message takes a few milliseconds, more on a busy machine.
_MOST_IN_HASTE = 200
# Messages that leave together: each alone is a round trip, for which a busy worker's thread waits its turn twice.
_BATCH_MESSAGES = 50

log = structlog.get_logger(__name__)
_is_muted: ContextVar[bool] = ContextVar("_is_muted", default=False)


def dispatch_after_commit(released: Iterable[Released | int]) -> None:
    """Dispatch released steps once the transaction is committed; at once when there is none."""
    step_ids = [item if isinstance(item, int) else item.step_id for item in released if not _is_rung(item)]
    if step_ids:
        transaction.on_commit(lambda: dispatch(step_ids, in_haste=True))


def _is_rung(item: Released | int) -> bool:
    return isinstance(item, Released) and item.rung


def dispatch(step_ids: list[int], *, in_haste: bool = False) -> int:
    """Publish messages for available steps; return how many were sent.

    Never raises for a broker that is away: the steps stay available and the maintainer rings for them.

    Args: in_haste: somebody waits for an answer. So many messages as go out within the publishing budget are sent, and
        the rest is left to the maintainer's next sweep.
    """
    if _is_muted.get() or _broker.is_away():
        return 0
    now, later = (step_ids[:_MOST_IN_HASTE], step_ids[_MOST_IN_HASTE:]) if in_haste else (step_ids, [])
    canvases = _compile(load_routes(now, get_conf().CHAIN_LINKS))
    give_up_at = time.monotonic() + get_conf().PUBLISH_BUDGET_SECONDS if in_haste else math.inf
    sent = 0
    try:
        with _broker.acquire() as producer, producer.batch(max_size=_BATCH_MESSAGES):
            for canvas in canvases:
                if time.monotonic() > give_up_at:
                    break
                canvas.apply_async(producer=producer, retry=False)
                sent += 1
    except Exception as error:  # noqa: BLE001 - a broker has many ways to say no; to the caller's rows it is one
        _broker.note_away()
        log.warning(
            "broker_away",
            steps=len(step_ids),
            error=str(error),
            why=explain(error),
            next="the maintainer sends them again",
        )
        return 0
    _leave(canvases[sent:], later)
    return sent


def _leave(canvases: "list[Signature | _Chord]", step_ids: list[int]) -> None:
    """Note which steps nobody rang for yet, so that the maintainer need not wait until they count as lost."""
    left = list(step_ids)
    for canvas in canvases:
        if isinstance(canvas, _Chord):
            _give_up_chord(canvas.join_id)
        left += [head.args[0] for head in (canvas.headers if isinstance(canvas, _Chord) else [canvas])]
    if left:
        rung = Step.objects.filter(pk__in=left, status=StepStatus.AVAILABLE, waits_for=WaitsFor.NOTHING)
        rung.update(waits_for=WaitsFor.RING)


@contextmanager
def mute_dispatch() -> Iterator[None]:
    """Publish nothing in this context: whoever drives the run performs its steps itself."""
    token = _is_muted.set(True)
    try:
        yield
    finally:
        _is_muted.reset(token)


def _compile(routes: list[Route]) -> "list[Signature | _Chord]":
    """Return one canvas per chord and per remaining route."""
    by_join: dict[int, list[Route]] = defaultdict(list)
    for route in routes:
        if route.join_id is not None:
            by_join[route.join_id].append(route)
    chords = [_compile_chord(join, by_join[join.stop.step_id]) for join in _find_chords(by_join)]
    in_chords = {header for _, headers in chords for header in headers}
    singles = [_compile_route(route) for route in routes if route.head.step_id not in in_chords]
    return [canvas for canvas, _ in chords] + singles


def _find_chords(by_join: dict[int, list[Route]]) -> list[Join]:
    """Return the joins whose open predecessors are all among the released steps: only these can be chords."""
    if not isinstance(current_app.backend, RedisBackend) or _counter.is_away():
        return []  # other backends count chords with a polling task, or not at all
    fitting = [join for join, routes in by_join.items() if 2 <= len(routes) <= get_conf().CHORD_HEADERS]
    joins = load_joins(fitting) if fitting else []
    return [
        join
        for join in joins
        if join.open_before == len(by_join[join.stop.step_id]) and _plan_chord(join.stop.step_id)
    ]


def _plan_chord(join_id: int) -> bool:
    """Note, before a header is published, that a chord will ring for this join; False when it moved on already."""
    return Step.objects.filter(pk=join_id, status=StepStatus.PENDING).update(chord_intact=True) == 1


def _give_up_chord(join_id: int) -> None:
    """Note that no chord will ring for this join: whoever releases it shall."""
    Step.objects.filter(pk=join_id, status=StepStatus.PENDING).update(chord_intact=False)


def _compile_chord(join: Join, routes: list[Route]) -> "tuple[_Chord, list[int]]":
    headers = [_sign(route.head) for route in routes]
    return _Chord(headers, _sign(join.stop), join.stop.step_id), [route.head.step_id for route in routes]


@dataclass(frozen=True, slots=True)
class _Chord:
    """A Celery chord as its workers know it, published without an object for each result.

    `celery.chord` subscribes the publishing process to the result of every header, for ever: nobody here reads
    results, so each chord would leave channels and objects behind.
    """

    headers: list[Signature]
    body: Signature
    join_id: int

    def apply_async(self, **options: Any) -> None:
        """Set the count, then publish the headers, each of which carries the body; or without it, if nobody counts."""
        group_id = uuid()
        try:
            current_app.backend.set_chord_size(group_id, len(self.headers))
        except Exception as error:  # noqa: BLE001 - as with the broker, and the steps themselves need no count
            _counter.note_away(_UNCOUNTED_SECONDS)
            _give_up_chord(self.join_id)
            log.warning(
                "chord_not_counted",
                why=explain(error),
                next="its steps go out alone; the database releases the join",
            )
            for header in self.headers:
                header.apply_async(**options)
            return
        for index, header in enumerate(self.headers):
            header.set(group_id=group_id, group_index=index, chord=self.body).apply_async(**options)


def _compile_route(route: Route) -> Signature:
    head, *rest = [_sign(stop) for stop in (route.head, *route.path)]
    # As `celery.chain` does, which however drops the producer on the way, and with it the publishing budget.
    return head.set(chain=rest[::-1]) if rest else head


def _sign(stop: Stop) -> Signature:
    options: dict[str, Any] = {
        "task_id": f"{stop.run_id}.{stop.step_id}.{stop.dispatch}",
        "queue": stop.queue,
        "shadow": f"{stop.workflow_name}/{stop.key}",
        "argsrepr": f"({stop.step_id},)",
        "kwargsrepr": "{}",
        # Else a process that did not load the task would subscribe to each message's result.
        "ignore_result": True,
    }
    if stop.queue == ISOLATED:
        # Only prefork heeds these; a thread's overdue step is freed by the maintainer.
        grace = get_conf().DEADLINE_GRACE_SECONDS
        options |= {"soft_time_limit": stop.timeout_seconds, "time_limit": stop.timeout_seconds + grace}
    return current_app.signature(TASK, args=(stop.step_id,), immutable=True, options=options)


_broker = Broker()
_counter = Outage()


@dataclass(slots=True)
class Continuation:
    """What Celery will publish when the running task returns: its next chain link or its part of a chord."""

    request: Any

    def find_next(self) -> Link | None:
        """Return the next chain link; links that can't be the engine's are dropped: messages may be forged."""
        if not self.request.chain:
            return None
        try:
            link = read_link(self.request.chain[-1])
        except (LookupError, TypeError):
            link = None
        if link is None:
            log.warning("link_refused", task=self.request.id, next="the database says what follows")
            self.clear_links()
        return link

    @property
    def next_step_id(self) -> int | None:
        """Return the step of the next chain link."""
        link = self.find_next()
        return None if link is None else link.step_id

    def pop(self) -> None:
        """Take the next chain link off: its step was claimed in place."""
        self.request.chain.pop()

    def clear(self) -> None:
        """Publish nothing when this task returns.

        `Ignore` would leave Flower at STARTED for ever; `Reject` and raising would fail the chord.
        """
        self.request.chain = self.request.callbacks = self.request.chord = None

    def clear_links(self) -> None:
        """Publish no chain link, but let a chord count its header."""
        self.request.chain = self.request.callbacks = None
