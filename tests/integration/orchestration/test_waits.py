"""Agents that wait for a time, a signal or a person: nothing is held meanwhile, and what was done is not done again."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.test import Client

from agents import Task
from agents.errors import CallRefused, SignalTimedOut
from orchestration import runs
from orchestration.domain.spec import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.errors import CallbackInvalid, RunFinal, SignalConflict, SignalInvalid
from orchestration.journal.reading import read_texts
from orchestration.models import Attempt, Call, CallTry, Decision, Event, Signal, Step
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

SPEC = WorkflowSpec(name="waits", steps=(StepSpec("one", agent="test.waiter"),))
Agent = Callable[[Task], Any]


def _run(agent: Agent) -> FinishedRun:
    return run_workflow(SPEC, {}, agents={"test.waiter": agent})


def _drive(run: FinishedRun, agent: Agent, *, times_out: bool = False) -> FinishedRun:
    return drive(run.run.pk, agents={"test.waiter": agent}, times_out=times_out)


def _paths(state: str) -> list[str]:
    return list(Call.objects.filter(state=state).order_by("path").values_list("path", flat=True))


def test_a_sleep_ends_the_attempt_and_what_was_called_before_is_not_called_again() -> None:
    said: list[str] = []

    def agent(task: Task) -> Any:
        said.append("top")
        task.once("charge", lambda: said.append("charged"))
        task.sleep(3600)
        task.sleep_until(datetime(2030, 1, 1, tzinfo=UTC))
        return task.once("mail", lambda: "sent")

    done = _run(agent)
    assert (done.status, done.outputs) == ("succeeded", {"one": "sent"})
    assert said == ["top", "charged", "top", "top"]
    assert list(Attempt.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "suspended",
        "suspended",
        "answered",
    ]
    assert (
        list(Decision.objects.order_by("pk").values_list("kind", "rule"))[:2]
        == [("wait", "awaits_calls")] * 2
    )
    assert runs.verify(done.run.pk).holds


def test_a_step_that_waits_holds_nothing_and_counts_no_failure() -> None:
    done = _run(lambda task: task.wait_for("payment"))
    step = done.steps["one"]
    assert (step.status, step.stage, step.token, step.process_id, step.failures) == (
        "waiting",
        "calls",
        None,
        None,
        0,
    )
    assert done.waiting == ["one"]
    assert not CallTry.objects.exists()


@pytest.mark.parametrize("is_async", [False, True])
def test_each_signal_answers_one_wait_in_the_order_of_opening(is_async: bool) -> None:
    def plain(task: Task) -> Any:
        return [task.wait_for("payment"), task.wait_for("payment", schema={"type": "integer"})]

    async def awaited(task: Task) -> Any:
        return [await task.wait_for("payment"), await task.wait_for("payment", schema={"type": "integer"})]

    agent = awaited if is_async else plain
    run = _run(agent)
    for _ in range(2):  # the same signal, sent twice
        runs.signal(run.run.pk, "payment", {"euro": 5}, key="k")
    run = _drive(run, agent)
    assert run.waiting == ["one"]
    with pytest.raises(SignalInvalid, match="value"):
        runs.signal(run.run.pk, "payment", "much")
    runs.signal(run.run.pk, "payment", 7)
    assert _drive(run, agent).outputs == {"one": [{"euro": 5}, 7]}
    assert Signal.objects.filter(step__key="one", taken_at__isnull=False).count() == 2
    assert Event.objects.filter(kind="signal_received").count() == 2


def test_a_signal_that_comes_before_anybody_waits_is_kept_and_found() -> None:
    def agent(task: Task) -> Any:
        if not task.once("early", lambda: bool(runs.signal(task.run_id, "payment", 5).pk)):
            return None
        return task.wait_for("payment", timeout_seconds=60)

    run = _run(agent)
    assert run.outputs == {"one": 5}
    assert list(Attempt.objects.values_list("outcome", flat=True)) == ["answered"]  # it need not end for it


def test_an_early_signal_that_does_not_fit_is_refused_with_its_reason_and_the_next_is_taken() -> None:
    def agent(task: Task) -> Any:
        task.wait_for("go")
        return task.wait_for("payment", schema={"type": "integer"})

    run = _run(agent)
    runs.signal(run.run.pk, "payment", "much")
    runs.signal(run.run.pk, "payment", 7)
    runs.signal(run.run.pk, "go")
    assert _drive(run, agent).outputs == {"one": 7}
    assert Signal.objects.get(name="payment", taken_at=None).refusal.startswith("value: ")


def test_a_signal_for_another_step_or_an_ended_run_is_refused_and_a_key_stands_for_one_value() -> None:
    run = _run(lambda task: task.wait_for("payment"))
    with pytest.raises(SignalInvalid, match="step"):
        runs.signal(run.run.pk, "payment", 1, step="two")
    runs.signal(run.run.pk, "other", 1, key="k")
    with pytest.raises(SignalConflict, match="key"):
        runs.signal(run.run.pk, "other", 2, key="k")
    for bad in (
        {"name": "a/b"},
        {"name": ""},
        {"name": None},
        {"key": ""},
        {"key": "a\x00"},
        {"key": 5},
        {"step": None},
        {"step": "a\x00"},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": object()},
    ):
        with pytest.raises(SignalInvalid, match=f"^{next(iter(bad))}"):
            runs.signal(run.run.pk, **{"name": "payment", "value": 1, **bad})  # type: ignore[arg-type]
    runs.cancel(run.run.pk)
    assert runs.signal(run.run.pk, "other", 1, key="k").pk  # the same as before
    with pytest.raises(RunFinal):
        runs.signal(run.run.pk, "payment", 1)


def test_nobody_answers_in_time() -> None:
    def agent(task: Task) -> Any:
        try:
            return task.wait_for("payment", timeout_seconds=60)
        except SignalTimedOut as late:
            return str(late)

    run = _run(agent)
    assert run.waiting == ["one"]
    assert "signal:payment#1" in _drive(run, agent, times_out=True).outputs["one"]


def test_a_timeout_that_the_agent_does_not_catch_goes_to_a_person_at_once() -> None:
    def agent(task: Task) -> Any:
        return task.wait_for("payment", timeout_seconds=60)

    run = _drive(_run(agent), agent, times_out=True)
    assert run.held == ["one"]
    assert Decision.objects.order_by("-pk").values_list("rule", flat=True)[0] == "permanent"


def test_branches_beside_a_wait_go_on_until_each_waits_or_is_done() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    async def work(task: Task) -> Any:
        return [await task.once(name, make, name) for name in ("x", "y", "z")]

    async def agent(task: Task) -> Any:
        return await asyncio.gather(task.wait_for("a"), work(task), task.wait_for("b"))

    run = _run(agent)
    assert made == ["x", "y", "z"]
    assert _paths("open") == ["signal:a#1", "signal:b#1"]
    runs.signal(run.run.pk, "b", 2)
    run = _drive(run, agent)
    assert run.waiting == ["one"]
    runs.signal(run.run.pk, "a", 1)
    assert _drive(run, agent).outputs == {"one": [1, ["x", "y", "z"], 2]}
    assert made == ["x", "y", "z"]


def test_what_a_group_cancels_for_a_wait_is_finished_and_kept() -> None:
    made: list[str] = []

    async def slowly() -> str:
        await asyncio.sleep(0.05)
        made.append("paid")
        return "paid"

    async def agent(task: Task) -> Any:
        async with asyncio.TaskGroup() as group:
            paid = group.create_task(task.once("pay", slowly))
            came = group.create_task(task.wait_for("a"))
        return [paid.result(), came.result()]

    run = _run(agent)
    assert (run.waiting, made, _paths("done")) == (["one"], ["paid"], ["pay#1"])
    runs.signal(run.run.pk, "a", 1)
    assert _drive(run, agent).outputs == {"one": ["paid", 1]}
    assert made == ["paid"]


@pytest.mark.parametrize("is_async", [False, True])
def test_who_swallows_the_suspension_fails_with_words(is_async: bool) -> None:
    def plain(task: Task) -> Any:
        try:
            task.wait_for("payment")
        except BaseException:  # noqa: BLE001 - what is shown here
            return "as if nothing were"

    async def gathering(task: Task) -> Any:
        await asyncio.gather(task.wait_for("payment"), return_exceptions=True)
        return "as if nothing were"

    run = _run(gathering if is_async else plain)
    assert run.held == ["one"]
    attempt = Attempt.objects.get()
    assert attempt.failure_kind == "permanent"
    assert "swallowed" in attempt.error_message
    assert "signal:payment#1" in attempt.error_message


def test_cleaning_up_calls_nothing_while_the_work_is_not_over() -> None:
    made: list[str] = []

    def agent(task: Task) -> Any:
        try:
            return task.wait_for("payment")
        finally:
            task.once("release", made.append, "released")

    run = _run(agent)
    assert (run.waiting, made) == (["one"], [])
    runs.signal(run.run.pk, "payment", 1)
    assert _drive(run, agent).outputs == {"one": 1}
    assert made == ["released"]


def test_a_failure_beside_a_wait_is_a_failure_and_the_wait_is_still_there() -> None:
    tries: list[int] = []

    async def failing(task: Task) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("away")
        return "there"

    async def agent(task: Task) -> Any:
        async with asyncio.TaskGroup() as group:
            came = group.create_task(task.wait_for("a"))
            there = group.create_task(failing(task))
        return [came.result(), there.result()]

    run = _run(agent)
    assert [*Attempt.objects.order_by("pk").values_list("outcome", flat=True)] == ["failed", "suspended"]
    runs.signal(run.run.pk, "a", 1)
    assert _drive(run, agent).outputs == {"one": [1, "there"]}


def _nest(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def test_waits_that_can_not_be_are_refused_with_what_to_write_instead() -> None:
    wrong: list[tuple[Callable[[Task], Any], str]] = [
        (lambda task: task.sleep(-1), "seconds is -1"),
        (lambda task: task.sleep(float("nan")), "seconds is nan"),
        (lambda task: task.sleep(True), "seconds is True"),
        (lambda task: task.sleep(float("inf")), "seconds is inf"),
        (lambda task: task.sleep(10**400), "give seconds from 0"),
        (lambda task: task.sleep_until(datetime.max), "with a zone"),  # noqa: DTZ901 - refused
        (lambda task: task.sleep_until(datetime.max.replace(tzinfo=UTC)), "too far away"),
        (
            lambda task: task.sleep_until(datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))),
            "too far away",
        ),
        (
            lambda task: task.sleep_until(datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))),
            "too far away",
        ),
        (lambda task: task.wait_for("a", timeout_seconds=float("nan")), "timeout_seconds is nan"),
        (lambda task: task.wait_for("a", schema=_nest(20)), "nested deeper"),
        (lambda task: task.ask_person("x", form=_nest(13)), "nested deeper"),
        (lambda task: task.sleep_until(datetime(2030, 1, 1)), "with a zone"),  # noqa: DTZ001 - refused
        (lambda task: task.wait_for("a/b"), "name"),
        (lambda task: task.wait_for("a", timeout_seconds="5"), "timeout_seconds"),  # type: ignore[arg-type]
        (lambda task: task.wait_for("a", schema="integer"), "schema"),
        (lambda task: task.wait_for("a", schema={"type": "no"}), "schema"),
        (lambda task: task.ask_person(""), "question"),
        (lambda task: task.ask_person("x", form=5), "form"),
        (lambda task: task.once("outer", lambda: task.sleep(1)), "waits inside a call"),
        (lambda task: task.callback_url("a"), "SITE_URL"),
    ]

    def agent(task: Task) -> Any:
        said = []
        for ask, _ in wrong:
            with pytest.raises(CallRefused) as refused:
                ask(task)
            said.append(str(refused.value))
        return said

    said = _run(agent).outputs["one"]
    assert [words for (_, words), text in zip(wrong, said, strict=True) if words not in text] == []


def test_a_pause_takes_effect_at_the_next_call() -> None:
    made: list[str] = []

    def pause(name: str) -> None:
        made.append(name)
        runs.pause(made_in[0])

    made_in: list[str] = []

    def agent(task: Task) -> Any:
        made_in.append(task.run_id)
        task.once("first", pause, "first")
        task.once("second", made.append, "second")
        return "done"

    run = _run(agent)
    assert (run.status, made, run.steps["one"].status) == ("paused", ["first"], "available")
    assert Decision.objects.get().rule == "pause_at_call"
    runs.resume(run.run.pk)
    assert _drive(run, agent).outputs == {"one": "done"}
    assert made == ["first", "second"]


def test_work_done_anew_gets_the_signals_again_that_it_had_got() -> None:
    def agent(task: Task) -> Any:
        return [task.wait_for("payment"), task.wait_for("payment"), task.feedback]

    run = _run(agent)
    runs.signal(run.run.pk, "payment", 1)
    runs.signal(run.run.pk, "payment", 2)

    def unsure(task: Task) -> Any:
        raise ValueError(agent(task))

    run = _drive(run, unsure)
    assert run.held == ["one"]
    Step.objects.filter(pk=run.steps["one"].pk).update(
        proposed_json="1"
    )  # somebody saw work, and wants other work
    runs.resolve_step(
        run.steps["one"].pk,
        kind=ResolutionKind.SEND_BACK,
        actor="anna",
        resolution_id="1",
        feedback="again",
    )
    assert _drive(run, agent).outputs == {"one": [1, 2, "again"]}
    assert sorted(Call.objects.values_list("journal", flat=True)) == [0, 0, 1, 1]


def test_a_callback_url_sends_one_signal_without_an_account(settings: Any, client: Client) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SITE_URL": "https://desk.test"}
    urls: list[str] = []

    def agent(task: Task) -> Any:
        urls.append(task.callback_url("payment", expires_seconds=60))
        return task.wait_for("payment")

    run = _run(agent)
    address = urls[0].removeprefix("https://desk.test")
    for nothing, words in (("", "send the JSON value"), (" ", "body: ")):  # uses nothing up
        refused = client.post(address, nothing, "application/json")
        assert (refused.status_code, words in refused.text) == (400, True)
    answers = [client.post(address, value, "application/json") for value in ('{"euro":5}', '{"euro":5}', "6")]
    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert client.post(address.rstrip("x") + "x", "5", "application/json").status_code == 404
    assert client.get(address).status_code == 405
    assert _drive(run, agent).outputs == {"one": {"euro": 5}}
    assert urls[0] == urls[-1]  # each attempt hands out the same
    call = Call.objects.get(name="callback_url:payment")
    shown = read_texts(call).response
    assert shown is not None  # who may only look gets no address at which signals are sent
    assert address.rpartition("/")[2] not in shown
    assert "/callbacks/" in shown
    assert Signal.objects.get().sender == "callback"


def test_a_callback_url_ends(settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SITE_URL": "https://desk.test"}
    urls: list[str] = []

    def agent(task: Task) -> Any:
        urls.append(task.callback_url("payment", expires_seconds=0))
        return task.wait_for("payment")

    _run(agent)
    with pytest.raises(CallbackInvalid, match="time of this address is over"):
        runs.signal_by_callback(urls[0].rpartition("/")[2], 5)


def test_the_wait_stays_as_long_as_it_was_first_said() -> None:
    seconds = iter([3600, 10, 10])

    def agent(task: Task) -> Any:
        task.wait_for("go")
        task.sleep(next(seconds))
        return task.wait_for("end")

    run = _run(agent)
    runs.signal(run.run.pk, "go")
    run = _drive(run, agent)
    call = Call.objects.get(kind="timer")
    assert call.due_at is not None
    assert call.due_at - call.begun_at == timedelta(seconds=3600)
