"""Calls that are made once, without an engine: paths, answers from the journal, what is refused."""

import asyncio
import pickle
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async

from agents import Task
from agents.domain.calling import Servant
from agents.domain.calls import Begun, Calls, CallWish, Kept, MemoryJournal
from agents.domain.catalogue import RegisteredAgent
from agents.domain.contract import AgentContract
from agents.domain.usage import CallUsage, Reservation
from agents.errors import CallDiverged, CallRefused, UnreadableOutput
from agents.runtimes.python import PythonRuntime

KEY = "run:step:1.0"


class Recorder(MemoryJournal):
    """A journal that remembers who asked it what, on which thread."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.said: list[tuple[str, str]] = []
        self.threads: set[int] = set()

    def begin(self, wish: CallWish, reservation: Reservation | None = None) -> Kept | Begun:
        self._note("begin", wish)
        return super().begin(wish, reservation)

    def end(self, wish: CallWish, begun: Begun, response_json: str, usage: CallUsage | None = None) -> None:
        self._note("end", wish)
        super().end(wish, begun, response_json, usage)

    def fail(self, wish: CallWish, begun: Begun, error: Exception, usage: CallUsage | None = None) -> None:
        super().fail(wish, begun, error, usage)
        self._note("fail", wish)

    def _note(self, what: str, wish: CallWish) -> None:
        self.said.append((what, wish.path))
        self.threads.add(threading.get_ident())


@pytest.fixture
def journal() -> Recorder:
    return Recorder()


def _task(journal: Recorder) -> Task:
    return Task(
        input={},
        handoff={},
        run_input={},
        run_id="run",
        step_key="step",
        attempt=1,
        token="t",
        idempotency_key=KEY,
        calls=Calls(journal),
    )


def test_a_call_is_made_once_and_answered_alike_ever_after(journal: Recorder) -> None:
    made: list[int] = []

    def charge(number: int) -> Any:
        made.append(number)
        return {"charged": number, "pair": (1, 2)}

    first, again = (_task(journal).once("charge", charge, 5) for _ in range(2))
    assert first == again == {"charged": 5, "pair": [1, 2]}  # as JSON has it, the first time too
    assert made == [5]
    assert journal.said == [("begin", "charge#1"), ("end", "charge#1"), ("begin", "charge#1")]


def test_calls_of_one_name_are_told_apart_by_how_many_came_before_and_by_what_they_are_in(
    journal: Recorder,
) -> None:
    task = _task(journal)

    def outer() -> str:
        return str(task.once("inner", lambda: "in")) + str(task.once("inner", lambda: "in"))

    task.once("outer", outer)
    task.once("inner", lambda: "top")
    task.once("outer", lambda: 1, key="x")
    assert [path for what, path in journal.said if what == "begin"] == [
        "outer#1",
        "outer#1/inner#1",
        "outer#1/inner#2",
        "inner#1",
        "outer[x]#1",
    ]


def test_what_is_inside_a_done_call_shifts_nothing(journal: Recorder) -> None:
    """A counter over all calls would: the inner one is not met again."""

    def work(task: Task) -> tuple[Any, Any]:
        return task.once("a", lambda: task.once("b", lambda: 1)), task.once("b", lambda: 2)

    assert work(_task(journal)) == work(_task(journal)) == (1, 2)


def test_the_call_key_is_given_to_who_asks_for_it(journal: Recorder) -> None:
    task = _task(journal)
    assert task.once("pay", lambda idempotency_key: idempotency_key) == f"{KEY}:pay#1"
    assert task.once("plain", lambda one: one, 1) == 1
    assert task.once("built-in", max, 1, 2) == 2


def test_other_arguments_than_before_are_a_divergence(journal: Recorder) -> None:
    _task(journal).once("charge", lambda one: one, 5)
    with pytest.raises(CallDiverged, match=r"charge#1 .*other arguments"):
        _task(journal).once("charge", lambda one: one, 6)


def test_what_raised_has_no_answer_and_is_called_again(journal: Recorder) -> None:
    def fail() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        _task(journal).once("call", fail)
    assert _task(journal).once("call", lambda: "there") == "there"
    assert ("fail", "call#1") in journal.said


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda task: task.once("", len, []), "name"),
        (lambda task: task.once("a/b", len, []), "name"),
        (lambda task: task.once("a\x00", len, []), "name"),
        (lambda task: task.once("a" * 101, len, []), "name"),
        (lambda task: task.once(7, len, []), "name"),
        (lambda task: task.once("a", len, [], key=""), "key"),
        (lambda task: task.once("a", len, [], key="x]"), "key"),
        (lambda task: task.once("a", len, object()), "argument /0"),
        (lambda task: task.once("a", len, {"x": [float("nan")]}), "argument /0/x/0"),
        (lambda task: task.once("a", 7), "not callable"),
        (lambda task: task.once("a", _answer_later), "async"),
    ],
)
def test_what_can_not_be_kept_is_refused_with_its_place(
    journal: Recorder, how: Callable[[Task], Any], words: str
) -> None:
    with pytest.raises(CallRefused, match=words):
        how(_task(journal))
    assert not [said for said in journal.said if said[0] == "end"]


async def _answer_later() -> int:
    return 1


def test_an_answer_that_is_not_json_names_the_call(journal: Recorder) -> None:
    with pytest.raises(UnreadableOutput, match="answer of the call 'odd'"):
        _task(journal).once("odd", object)
    assert journal.said[-1] == ("fail", "odd#1")


def test_a_coroutines_calls_are_written_by_the_thread_that_waits(journal: Recorder) -> None:
    loops: set[int] = set()

    async def slow(number: int) -> int:
        loops.add(threading.get_ident())
        await asyncio.sleep(0)
        return number

    async def work(task: Task) -> list[Any]:
        alike = await asyncio.gather(*(task.once("part", slow, n, key=str(n)) for n in range(5)))
        plain = await task.once("plain", threading.get_ident)
        return [*alike, plain]

    answer: Any = _run(work, _task(journal))
    assert answer[:5] == [0, 1, 2, 3, 4]
    assert journal.threads == {threading.get_ident()}
    assert loops.isdisjoint({threading.get_ident(), answer[5]})
    assert answer == _run(work, _task(journal))


def test_a_second_call_of_one_name_at_once_is_refused(journal: Recorder) -> None:
    async def work(task: Task) -> list[Any]:
        return await asyncio.gather(
            *(task.once("part", asyncio.sleep, 0) for _ in range(2)), return_exceptions=True
        )

    first, second = _run(work, _task(journal))
    assert first is None
    assert isinstance(second, CallRefused)
    assert "key" in str(second)


def test_a_thread_of_a_coroutine_asks_who_waits_for_it_too(journal: Recorder) -> None:
    async def work(task: Task) -> Any:
        return await asyncio.to_thread(task.once, "inside", lambda: 1)

    assert _run(work, _task(journal)) == 1
    assert journal.threads == {threading.get_ident()}


def test_nobody_is_asked_when_nobody_waits_any_more() -> None:
    servant = Servant()
    left = servant.ask(lambda: 1)
    servant.leave()
    assert left.result(1) == 1
    with pytest.raises(CallRefused, match="time is over"):
        servant.ask(lambda: 1).result(1)


def test_an_agent_without_an_engine_can_be_tested_as_it_is() -> None:
    async def work(task: Task) -> Any:
        return await task.once("double", lambda one: one * 2, 4)

    task = Task({}, {}, {}, "r", "s", 1, "t", "k")
    assert asyncio.run(work(task)) == 8
    assert task.once("plain", lambda: 1) == 1


@pytest.mark.parametrize("is_awaited", [True, False])
def test_what_a_function_does_to_its_arguments_stays_with_it(journal: Recorder, is_awaited: bool) -> None:
    given = {"lines": ["a"]}

    def work(task: Task) -> Any:
        return task.once("add", lambda order: order["lines"].append("b") or len(order["lines"]), given)

    async def work_awaited(task: Task) -> Any:
        return await work(task)

    assert _run(work_awaited if is_awaited else work, _task(journal)) == 2
    assert given == {"lines": ["a"]}  # as after a retry, when the function is not called


@pytest.mark.parametrize("has_engine", [True, False])
def test_a_coroutine_is_told_of_a_next_that_finds_nothing(journal: Recorder, has_engine: bool) -> None:
    async def call(task: Task) -> Any:
        return await task.once("first", lambda: next(iter(())))

    async def work(task: Task) -> Any:
        return await asyncio.wait_for(call(task), 5)

    with pytest.raises(RuntimeError, match=r"StopIteration was raised; .* next\(values, None\)"):
        _run(work, _task(journal)) if has_engine else asyncio.run(work(_task(journal)))
    assert journal.said == [("begin", "first#1"), ("fail", "first#1")]


@pytest.mark.parametrize("hand_over", [asyncio.to_thread, lambda act: sync_to_async(act)()])
def test_so_it_is_by_each_way_to_a_thread(journal: Recorder, hand_over: Callable[..., Any]) -> None:
    async def work(_task: Task) -> Any:
        return await asyncio.wait_for(hand_over(lambda: next(iter(()))), 5)

    with pytest.raises(RuntimeError, match="StopIteration was raised"):
        _run(work, _task(journal))


def test_a_task_can_be_copied_and_only_one_without_an_engine_goes_to_another_process(
    journal: Recorder,
) -> None:
    plain = Task({}, {}, {}, "r", "s", 1, "t", "k")
    assert pickle.loads(pickle.dumps(plain)).once("a", lambda: 1) == 1  # noqa: S301 - made here
    assert asdict(plain)["step_key"] == "s"
    kept = _task(journal)
    kept.once("a", lambda: 1)
    assert deepcopy(kept).once("b", lambda: 2) == 2
    assert [path for what, path in journal.said if what == "end"] == ["a#1", "b#1"]
    kept = replace(kept, calls=Calls(cast("Any", _Other())))
    with pytest.raises(CallRefused, match="another process"):
        pickle.dumps(kept)


class _Other:
    begin = end = fail = Any


def _run(function: Callable[[Task], Any], task: Task) -> Any:
    agent = RegisteredAgent(AgentContract("test.calls"), function, place="here")
    return PythonRuntime().run(agent, task, 10)
