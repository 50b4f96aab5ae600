import asyncio
import functools
import math
import signal
import threading
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field

from agents import PermanentError, Result, Task, TransientError, agent
from agents.domain.invocation import Answered, Failed, FailureKind, Outcome
from agents.invoke import invoke, override

pytestmark = pytest.mark.usefixtures("declared")


def call(function: Any, task: Task, timeout_seconds: float = 5.0) -> Outcome:
    with override({"test.agent": function}):
        return invoke("test.agent", task, timeout_seconds=timeout_seconds)


def failure(function: Any, task: Task, timeout_seconds: float = 5.0) -> Failed:
    outcome = call(function, task, timeout_seconds)
    assert isinstance(outcome, Failed), outcome
    return outcome


def raising(error: BaseException) -> Any:
    def body(task: Task) -> None:
        raise error

    return body


def raising_later(error: BaseException) -> Any:
    async def body(task: Task) -> None:
        raise error

    return body


def test_an_answer_with_all_it_knows(task: Task) -> None:
    agent("test.full", version=3)(
        lambda task: Result({"b": 1.0, "a": task.input}, 0.5, {"input_tokens": 7, "cost_usd": "0.1"})
    )
    assert invoke("test.full", task, timeout_seconds=5) == Answered(
        output={"a": {"customer": "ada"}, "b": 1},
        output_json='{"a":{"customer":"ada"},"b":1}',
        confidence=0.5,
        usage={"input_tokens": 7, "cost_usd": "0.1"},
        agent="test.full",
        agent_version=3,
    )


def test_what_a_refused_answer_used_is_kept(task: Task) -> None:
    agent("test.number", output_schema={"type": "integer"})(lambda _: Result("x", usage={"input_tokens": 7}))
    outcome = invoke("test.number", task, timeout_seconds=5)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.usage) == (FailureKind.UNREADABLE, {"input_tokens": 7})


@pytest.mark.parametrize("value", ["x", 7, 0.5, True, None, [1], {"a": []}])
def test_a_plain_json_value_is_an_answer(task: Task, value: Any) -> None:
    outcome = call(lambda _: value, task)
    assert isinstance(outcome, Answered)
    assert (outcome.output, outcome.confidence, outcome.usage) == (value, None, {})


@pytest.mark.parametrize("value", [{1}, b"x", object(), iter([1]), Result(Result(1)), {"a": math.nan}])
def test_anything_else_is_unreadable(task: Task, value: Any) -> None:
    failed = failure(lambda _: value, task)
    assert failed.kind is FailureKind.UNREADABLE
    assert failed.error_class == "agents.errors.UnreadableOutput"


def test_the_answer_is_cut_loose_from_what_the_agent_keeps(task: Task) -> None:
    kept = {"items": [1]}
    outcome = call(lambda _: kept, task)
    kept["items"].append(2)
    assert isinstance(outcome, Answered)
    assert outcome.output == {"items": [1]}


def test_an_unknown_agent_is_a_failure(task: Task) -> None:
    outcome = invoke("test.nobody", task, timeout_seconds=5)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNKNOWN_AGENT


@pytest.mark.parametrize("raise_it", [raising, raising_later])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransientError("busy", retry_after_seconds=7), FailureKind.TRANSIENT),
        (PermanentError("never"), FailureKind.PERMANENT),
        (ValueError("no"), FailureKind.BAD_INPUT),
        (TimeoutError("theirs"), FailureKind.TIMEOUT),
        (ConnectionError("gone"), FailureKind.TRANSIENT),
        (KeyError("x"), FailureKind.UNKNOWN),
        (SystemExit("bye"), FailureKind.UNKNOWN),
        (MemoryError("full"), FailureKind.UNKNOWN),
        (GeneratorExit("odd"), FailureKind.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_raised_becomes_a_failure(
    task: Task, raise_it: Any, error: BaseException, kind: FailureKind
) -> None:
    failed = failure(raise_it(error), task)
    assert failed.kind is kind
    assert failed.message == str(error)
    assert failed.retry_after_seconds == getattr(error, "retry_after_seconds", None)
    assert failed.error_class.endswith(type(error).__qualname__)
    assert __file__ in failed.traceback_tail
    # The loop outlives what a coroutine raised.
    assert isinstance(call(answer_later, task), Answered)


async def answer_later(task: Task) -> Result:
    await asyncio.sleep(0)
    return Result(threading.current_thread().name, confidence=1)


def test_endless_recursion_is_a_failure(task: Task) -> None:
    def dig(task: Task) -> Any:
        return dig(task)

    assert failure(dig, task).error_class == "RecursionError"


def test_ctrl_c_is_for_the_process_in_the_main_thread_only(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever starts the tests in the background may have them ignore the signal.
    monkeypatch.setattr(
        "agents.domain.interruption.signal.getsignal", lambda _number: signal.default_int_handler
    )
    with pytest.raises(KeyboardInterrupt):
        call(raising(KeyboardInterrupt()), task)
    seen: list[Failed] = []
    thread = threading.Thread(target=lambda: seen.append(failure(raising(KeyboardInterrupt()), task)))
    thread.start()
    thread.join()
    assert seen[0].kind is FailureKind.UNKNOWN


def test_a_function_runs_in_the_calling_thread(task: Task) -> None:
    outcome = call(lambda _: threading.get_ident(), task)
    assert isinstance(outcome, Answered)
    assert outcome.output == threading.get_ident()


class Callable:
    """An object whose call is a coroutine."""

    async def __call__(self, _: Task) -> str:
        return threading.current_thread().name


@pytest.mark.parametrize(
    "function",
    [
        answer_later,
        lambda task: answer_later(task),  # noqa: PLW0108 - a lambda is the case
        functools.partial(answer_later),
        Callable(),
    ],
)
def test_a_coroutine_runs_on_the_loop_however_it_is_made(task: Task, function: Any) -> None:
    outcome = call(function, task)
    assert isinstance(outcome, Answered)
    assert outcome.output == "agents-event-loop"


def test_coroutines_of_many_threads_wait_together(task: Task) -> None:
    arrived = 0
    all_here = asyncio.Event()

    async def meet(task: Task) -> int:
        nonlocal arrived
        arrived += 1
        if arrived == 10:
            all_here.set()
        await all_here.wait()
        return arrived

    outcomes: list[Outcome] = []
    with override({"test.meet": meet}):
        threads = [
            threading.Thread(target=lambda: outcomes.append(invoke("test.meet", task, timeout_seconds=5)))
            for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [outcome.output for outcome in outcomes if isinstance(outcome, Answered)] == [10] * 10


def test_a_coroutine_is_cancelled_at_its_deadline(task: Task) -> None:
    cancelled = threading.Event()

    async def hang(task: Task) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    failed = failure(hang, task, timeout_seconds=0.02)
    assert failed.kind is FailureKind.TIMEOUT
    assert failed.message == "no answer within 0.02 s; the coroutine was cancelled"
    assert cancelled.is_set()


def test_a_time_out_of_the_agents_own_keeps_its_words(task: Task) -> None:
    async def ask(task: Task) -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    failed = failure(ask, task)
    assert failed.kind is FailureKind.TIMEOUT
    assert "no answer within" not in failed.message


def test_a_late_function_is_kept(task: Task) -> None:
    # No time at all: whatever a function takes is longer.
    assert isinstance(call(lambda _: "late", task, timeout_seconds=0), Answered)


def test_a_coroutine_that_cancels_itself_is_a_failure(task: Task) -> None:
    failed = failure(raising_later(asyncio.CancelledError()), task)
    assert failed.kind is FailureKind.UNKNOWN
    assert "cancelled itself" in failed.message


LABELS = {
    "type": "object",
    "properties": {"labels": {"type": "array", "items": {"$ref": "#/$defs/label"}}},
    "required": ["labels"],
    "$defs": {"label": {"enum": ["good", "bad"]}},
}


class Labels(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    labels: list[str]
    since: date = date(2026, 1, 1)


@pytest.mark.parametrize(
    ("schema", "value", "path"),
    [
        (LABELS, {"labels": ["good", "ugly"]}, "/labels/1"),
        (LABELS, {}, "the top level"),
        (LABELS, [], "the top level"),
        (Labels, {"labels": ["good", 7]}, "/labels/1"),
        (Labels, {"labels": [], "since": "soon"}, "/since"),
        (Labels, {"labels": [], "more": 1}, "/more"),
        (Labels, None, "the top level"),
    ],
)
def test_a_broken_schema_names_the_path(task: Task, schema: Any, value: Any, path: str) -> None:
    calls: list[Task] = []
    agent("test.output", output_schema=schema)(lambda _: value)
    agent("test.input", input_schema=schema)(calls.append)
    with_input = Task(value, {}, {}, "run-1", "draft", 1, "token-1", "key-1")

    unreadable = invoke("test.output", task, timeout_seconds=5)
    refused = invoke("test.input", with_input, timeout_seconds=5)

    assert isinstance(unreadable, Failed)
    assert isinstance(refused, Failed)
    assert (unreadable.kind, refused.kind) == (FailureKind.UNREADABLE, FailureKind.BAD_INPUT)
    assert unreadable.message.startswith(f"unreadable output at {path}: ")
    assert refused.message.startswith(f"bad input at {path}: ")
    assert calls == []


@pytest.mark.parametrize(
    ("schema", "value"), [(LABELS, {"labels": ["bad"]}), (Labels, {"labels": ["x"], "since": "2026-02-03"})]
)
def test_a_kept_schema_changes_nothing(schema: Any, value: Any) -> None:
    agent("test.both", input_schema=schema, output_schema=schema)(lambda task: task.input)
    task = Task(value, {}, {}, "run-1", "draft", 1, "token-1", "key-1")
    outcome = invoke("test.both", task, timeout_seconds=5)
    assert isinstance(outcome, Answered)
    assert outcome.output == value


def test_a_fake_is_held_to_the_schema_of_the_agent(task: Task) -> None:
    agent("test.output", output_schema=LABELS)(lambda _: {"labels": []})
    with override({"test.output": lambda _: {"labels": ["ugly"]}}):
        outcome = invoke("test.output", task, timeout_seconds=5)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNREADABLE


class Priced(BaseModel):
    model_config = ConfigDict(extra="forbid")
    net: int = Field(alias="netPrice")

    @computed_field
    def gross(self) -> int:
        return self.net * 2


class Unwritable(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    value: object


@pytest.mark.parametrize("wrap", [Result, lambda model: model])
def test_a_model_is_an_answer(task: Task, wrap: Any) -> None:
    agent("test.model", output_schema=Priced)(lambda _: wrap(Priced(netPrice=2)))
    outcome = invoke("test.model", task, timeout_seconds=5)
    assert isinstance(outcome, Answered)
    assert outcome.output == {"netPrice": 2, "gross": 4}


def test_a_root_model_is_its_value(task: Task) -> None:
    outcome = call(lambda _: RootModel[list[date]]([date(2026, 2, 3)]), task)
    assert isinstance(outcome, Answered)
    assert outcome.output == ["2026-02-03"]


def test_a_model_that_cannot_be_written_is_unreadable(task: Task) -> None:
    failed = failure(lambda _: Unwritable(value=object()), task)
    assert failed.kind is FailureKind.UNREADABLE
    assert "the Unwritable can't be written as JSON" in failed.message


class Loose(BaseModel):
    value: Any = None
    rows: list[Any] = []
    named: dict[int, Any] = Field(default={}, alias="n/ames")


class Meant(Loose):
    model_config = ConfigDict(ser_json_inf_nan="null")


@pytest.mark.parametrize(
    ("given", "path", "number"),
    [
        (Loose(value=math.nan), "/value", "nan"),
        (Loose(rows=[1, {"deep": (0, -math.inf)}]), "/rows/1/deep/1", "-inf"),
        (Loose.model_validate({"n/ames": {3: math.inf}}), "/n~1ames/3", "inf"),
    ],
)
def test_a_number_that_json_does_not_have_is_not_made_null(
    task: Task, given: Loose, path: str, number: str
) -> None:
    failed = failure(lambda _task: given, task)
    assert failed.kind is FailureKind.UNREADABLE
    assert f"{path} {number} is no number of JSON" in failed.message.replace(":", "")


@pytest.mark.parametrize("given", [Loose(rows=[None, "nan"]), Meant(value=math.nan)])
def test_a_null_that_is_meant_is_one(task: Task, given: Loose) -> None:
    outcome = call(lambda _task: given, task)
    assert isinstance(outcome, Answered)
    assert "null" in outcome.output_json


def test_a_wrong_confidence_is_the_outputs_fault(task: Task) -> None:
    failed = failure(lambda _: Result("x", confidence=93), task)
    assert (failed.kind, failed.message) == (
        FailureKind.UNREADABLE,
        "unreadable output at /confidence: 93 is outside 0 to 1",
    )
