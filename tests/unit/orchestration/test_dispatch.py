"""Released steps become chains, chords and single messages, and never more than the caps allow."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest
from celery import current_app
from celery.canvas import Signature
from django.conf import LazySettings
from kombu.exceptions import BatchPublishError, OperationalError

from orchestration import dispatch
from orchestration.broker import Broker
from orchestration.dispatch import Continuation
from orchestration.domain.messages import Link
from orchestration.selectors.routes import Join, Route, Stop
from tests.chaos.hostile import whole_link

RUN = uuid.UUID(int=1)


def _stop(number: int, queue: str = "steps") -> Stop:
    return Stop(number, RUN, "demo", f"s{number}", queue, 30.0, dispatch=1)


def _route(*numbers: int, join: int | None = None, queue: str = "steps") -> Route:
    head, *path = (_stop(number, queue) for number in numbers)
    return Route(head, tuple(path), join)


@pytest.fixture
def joins(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Open predecessors by join, as the database would tell; joins that are not in it have moved on."""
    known: dict[int, int] = {}
    monkeypatch.setattr(
        dispatch, "load_joins", lambda ids: [Join(_stop(i), known[i]) for i in ids if i in known]
    )
    monkeypatch.setattr(dispatch, "RedisBackend", type(current_app.backend))
    monkeypatch.setattr(dispatch, "_plan_chord", lambda join_id: join_id in known)
    return known


def _shape(canvas: Signature | dispatch._Chord) -> object:
    """Return a canvas as step numbers: 1 a message, [1, 2] a chain, {"of": [...], "then": n} a chord."""
    if isinstance(canvas, dispatch._Chord):
        return {"of": [_shape(header) for header in canvas.headers], "then": _shape(canvas.body)}
    links = canvas.options.get("chain")
    # Celery keeps the links reversed: the next one stands last.
    return [canvas.args[0], *(link.args[0] for link in reversed(links))] if links else canvas.args[0]


def _shapes(*routes: Route) -> list[object]:
    return [_shape(canvas) for canvas in dispatch._compile(list(routes))]


def test_a_step_alone_is_one_message() -> None:
    assert _shapes(_route(1)) == [1]


def test_a_straight_path_is_a_chain() -> None:
    assert _shapes(_route(1, 2, 3)) == [[1, 2, 3]]


def test_steps_that_share_one_join_are_a_chord_with_nothing_behind_it(joins: dict[int, int]) -> None:
    joins[9] = 3
    assert _shapes(_route(1, join=9), _route(2, join=9), _route(3, join=9)) == [{"of": [1, 2, 3], "then": 9}]


def test_a_join_that_waits_for_others_too_is_left_to_the_database(joins: dict[int, int]) -> None:
    joins[9] = 3
    assert _shapes(_route(1, join=9), _route(2, join=9)) == [1, 2]


def test_a_join_that_moved_on_is_left_alone(joins: dict[int, int]) -> None:
    assert _shapes(_route(1, join=9), _route(2, join=9)) == [1, 2]


def test_one_step_before_a_join_is_no_chord(joins: dict[int, int]) -> None:
    joins[9] = 1
    assert _shapes(_route(1, join=9)) == [1]


def test_each_join_has_its_chord_and_paths_go_on_beside_them(joins: dict[int, int]) -> None:
    joins.update({8: 2, 9: 2})
    routes = [_route(1, join=8), _route(2, join=9), _route(3, 4), _route(5, join=8), _route(6, join=9)]
    assert _shapes(*routes) == [{"of": [1, 5], "then": 8}, {"of": [2, 6], "then": 9}, [3, 4]]


@pytest.mark.parametrize(("count", "is_chord"), [(2, True), (200, True), (201, False)])
def test_a_chord_has_at_most_200_headers(joins: dict[int, int], count: int, is_chord: bool) -> None:
    joins[9999] = count
    shapes = _shapes(*(_route(number, join=9999) for number in range(count)))
    assert len(shapes) == (1 if is_chord else count)
    assert isinstance(shapes[0], dict) is is_chord


def test_only_a_backend_that_counts_safely_gets_chords(
    joins: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    joins[9] = 2
    monkeypatch.setattr(dispatch, "RedisBackend", type("AnotherBackend", (), {}))
    assert _shapes(_route(1, join=9), _route(2, join=9)) == [1, 2]


def test_a_message_carries_an_id_a_name_and_its_queue_and_no_more() -> None:
    message = dispatch._sign(_stop(7))
    assert message.task == "orchestration.perform_step"
    assert (message.args, message.kwargs, message.immutable) == ((7,), {}, True)
    assert message.options == {
        "task_id": f"{RUN}.7.1",
        "queue": "steps",
        "shadow": "demo/s7",
        "argsrepr": "(7,)",
        "kwargsrepr": "{}",
        "ignore_result": True,
    }


def test_only_isolated_messages_carry_time_limits(settings: LazySettings) -> None:
    settings.RINGMASTER = {"DEADLINE_GRACE_SECONDS": 5.0}
    options = dispatch._sign(_stop(7, "isolated")).options
    assert (options["soft_time_limit"], options["time_limit"]) == (30.0, 35.0)


class _Request:
    """What Celery hands a bound task."""

    id = "a message"

    def __init__(self, *links: int) -> None:
        # Celery keeps the links reversed: the next one stands last.
        chain = [dispatch._sign(_stop(n)) for n in reversed(links)]
        self.chain: list[object] | None = json.loads(json.dumps(chain))
        self.callbacks: list[object] | None = ["callback"]
        self.chord: object = "chord"


def test_a_continuation_reads_the_next_link_and_takes_it_off() -> None:
    request = _Request(2, 3)
    continuation = Continuation(request)
    assert continuation.find_next() == Link(2, f"{RUN}.2.1")
    continuation.pop()
    assert continuation.next_step_id == 3
    continuation.pop()
    assert continuation.next_step_id is None


def test_clearing_leaves_celery_nothing_to_publish() -> None:
    request = _Request(2)
    Continuation(request).clear()
    assert (request.chain, request.callbacks, request.chord) == (None, None, None)


def test_clearing_links_lets_the_chord_count() -> None:
    request = _Request(2)
    Continuation(request).clear_links()
    assert (request.chain, request.callbacks, request.chord) == (None, None, "chord")


@pytest.mark.parametrize(
    "link",
    [
        "no link",
        {},
        whole_link("x"),
        whole_link(10**30),
        whole_link(2**63),
        whole_link(float("inf")),
        whole_link(True),
        whole_link(1, task_id="nul\0"),
        whole_link(1, task_id="\ud800"),
        whole_link(1, task_id="x" * 200),
        whole_link(1, eta="2099-01-01T00:00:00"),
    ],
)
def test_a_forged_link_is_dropped_and_the_chord_still_counts(link: object) -> None:
    request = _Request()
    request.chain = [link]
    assert Continuation(request).find_next() is None
    assert vars(request) == {"chain": None, "callbacks": None, "chord": "chord"}


class _Producer:
    """A producer that notes what leaves together, or loses its broker on the way."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[list[str]] = []
        self._error = error

    @contextmanager
    def batch(self, max_size: int) -> Iterator[None]:
        assert max_size > 1
        self.sent.append([])
        yield
        if self._error is not None:
            raise self._error


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[[_Producer], int]:
    """Dispatch three steps through a producer; an attempt to publish one by one would miss its batch."""

    def apply_async(message: Signature, *, producer: _Producer, retry: bool) -> None:
        assert not retry
        producer.sent[-1].append(message.options["task_id"])

    monkeypatch.setattr(Signature, "apply_async", apply_async)
    monkeypatch.setattr(dispatch, "load_routes", lambda ids, _: [_route(number) for number in ids])
    monkeypatch.setattr(dispatch, "_broker", Broker())

    def through(producer: _Producer) -> int:
        monkeypatch.setattr(dispatch._broker, "acquire", lambda: nullcontext(producer))
        return dispatch.dispatch([1, 2, 3])

    return through


def test_what_is_released_together_leaves_together(publish: Callable[[_Producer], int]) -> None:
    producer = _Producer()
    assert publish(producer) == 3
    assert producer.sent == [[f"{RUN}.{number}.1" for number in (1, 2, 3)]]


@pytest.mark.parametrize(
    "error",
    [
        BatchPublishError("uncertain"),
        OperationalError("gone"),
        TimeoutError(),
        ValueError("a table that can't be read"),
    ],
)
def test_a_broker_that_breaks_off_is_left_to_the_maintainer(
    publish: Callable[[_Producer], int], error: Exception
) -> None:
    assert publish(_Producer(error)) == 0
    assert dispatch._broker.is_away()
