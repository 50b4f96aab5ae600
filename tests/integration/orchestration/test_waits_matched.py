"""Which wait a signal answers, and whether it or the clock does: only who waits now, and what came first."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from agents import Task
from agents.errors import SignalTimedOut
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import runs
from orchestration.domain.spec import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.errors import SignalInvalid
from orchestration.journal.waiting import answer_due
from orchestration.maintenance.scheduler import end_waits, match_forgotten_signals
from orchestration.models import Attempt, Call, Signal, Step
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

SPEC = WorkflowSpec(name="matched", steps=(StepSpec("one", agent="test.waiter"),))
_TWO = WorkflowSpec(
    name="matched-two", steps=(StepSpec("one", agent="test.waiter"), StepSpec("two", agent="test.other"))
)
Agent = Callable[[Task], Any]


def _run(agent: Agent, other: Agent | None = None) -> FinishedRun:
    agents = {"test.waiter": agent} | ({"test.other": other} if other else {})
    return run_workflow(_TWO if other else SPEC, {}, agents=agents)


def _drive(run: FinishedRun, agent: Agent, other: Agent | None = None, **more: Any) -> FinishedRun:
    agents = {"test.waiter": agent} | ({"test.other": other} if other else {})
    return drive(run.run.pk, agents=agents, **more)


def _pass_time() -> None:
    """Let the time of all open waits be over, as if they had begun long ago."""
    Call.objects.filter(state="open", due_at__isnull=False).update(due_at=F("due_at") - timedelta(days=30))


def _decide(kind: ResolutionKind, **what: Any) -> None:
    person, _ = User.objects.get_or_create(username="anna", is_superuser=True)
    ticket = claim_ticket(Ticket.objects.get(status="open").pk, person)
    resolve_ticket(ticket.pk, person, kind, claim_number=ticket.claim_number, seen_digest=None, **what)


def test_a_branch_that_the_code_left_takes_no_signal_from_the_one_that_waits() -> None:
    async def agent(task: Task) -> Any:
        if left:
            await task.wait_for("go")
            return await task.wait_for("payment", key="now")
        return await asyncio.gather(task.wait_for("go"), task.wait_for("payment", key="left"))

    left: list[int] = []
    run = _run(agent)
    left.append(1)
    runs.signal(run.run.pk, "go")
    run = _drive(run, agent)
    assert run.waiting == ["one"]
    runs.signal(run.run.pk, "payment", 5)
    assert _drive(run, agent).outputs == {"one": 5}
    assert Call.objects.get(path="signal:payment[now]#1").signal == Signal.objects.get(name="payment")


def test_a_wait_of_an_agent_that_failed_takes_no_signal_from_the_one_that_follows_it() -> None:
    def agent(task: Task) -> Any:
        if task.feedback is None:
            try:
                task.wait_for("payment", key="former")
            finally:
                raise ValueError("it can't")
        return task.wait_for("payment", key="later")

    run = _run(agent)
    assert (run.held, Call.objects.get().state) == (["one"], "open")
    runs.signal(run.run.pk, "payment", 5)
    assert match_forgotten_signals() == 0 or Signal.objects.get().step is None
    _decide(ResolutionKind.SEND_BACK, feedback="otherwise")
    assert _drive(run, agent).outputs == {"one": 5}


def test_a_wait_of_a_former_journal_takes_nothing_and_wakes_nobody() -> None:
    def agent(task: Task) -> Any:
        return [task.wait_for("go"), task.wait_for("payment", key=task.feedback or "former")]

    run = _run(agent)
    runs.signal(run.run.pk, "go", 1)
    run = _drive(run, agent)
    # As work that is done anew leaves it: another journal, and in the former one an answer that nobody has read.
    step = Step.objects.filter(pk=run.steps["one"].pk)
    step.update(renewals=1, feedback="later", status="available", stage="")
    Call.objects.filter(name="go").update(unread=True)
    run = _drive(run, agent)
    assert (run.waiting, step.get().attempt) == (["one"], 3)
    Call.objects.filter(journal=0, state="open").update(awaited_in=3)
    runs.signal(run.run.pk, "payment", 5)
    assert _drive(run, agent).outputs == {"one": [1, 5]}
    assert Call.objects.get(signal__name="payment").journal == 1


def test_a_signal_that_comes_while_an_attempt_is_under_way_is_found_when_it_is_suspended() -> None:
    def agent(task: Task) -> Any:
        try:
            return task.wait_for("payment")
        finally:
            if not sent:
                sent.append(runs.signal(task.run_id, "payment", 5).pk)

    sent: list[int] = []
    run = _run(agent)
    assert run.outputs == {"one": 5}
    assert list(Attempt.objects.order_by("pk").values_list("outcome", flat=True)) == ["suspended", "answered"]


def test_a_signal_that_one_step_can_not_use_is_there_for_another() -> None:
    def other(task: Task) -> Any:
        task.wait_for("go")
        return task.wait_for("payment", schema={"type": "object"})

    def agent(task: Task) -> Any:
        task.wait_for("start")
        return task.wait_for("payment", schema={"type": "integer"})

    run = _run(agent, other)
    runs.signal(run.run.pk, "payment", {"euro": 5})
    runs.signal(run.run.pk, "start")
    run = _drive(run, agent, other)
    assert Signal.objects.get(name="payment").refusal.startswith("value: ")
    with pytest.raises(SignalInvalid, match=r"value.*step="):
        runs.signal(run.run.pk, "payment", {"euro": 6})
    assert runs.signal(run.run.pk, "payment", {"euro": 6}, step="two").taken_at is None  # kept for whom it is
    runs.signal(run.run.pk, "go")
    run = _drive(run, agent, other)
    assert run.outputs == {"two": {"euro": 5}}
    assert Signal.objects.filter(name="payment", step__key="two").values_list("refusal", flat=True)[0] == ""
    runs.signal(run.run.pk, "payment", 7)
    assert _drive(run, agent, other).outputs["one"] == 7


def test_why_a_signal_could_not_be_used_shows_no_secret() -> None:
    def agent(task: Task) -> Any:
        task.wait_for("go")
        return task.wait_for(
            "payment", schema={"type": "object", "properties": {"password": {"type": "integer"}}}
        )

    for value in ({"password": "hunter2"}, [{"password": "hunter2"}]):
        run = _run(agent)
        runs.signal(run.run.pk, "payment", value)
        runs.signal(run.run.pk, "go")
        assert _drive(run, agent).waiting == ["one"]
        refusal = Signal.objects.get(run=run.run, name="payment").refusal
        assert refusal.startswith("value")
        assert "hunter2" not in refusal


def test_a_signal_that_came_in_time_counts_whoever_looks_first() -> None:
    def agent(task: Task) -> Any:
        try:
            return task.wait_for("payment", timeout_seconds=60)
        except SignalTimedOut:
            return "late"

    for look in (end_waits, lambda: answer_due(10), lambda: None):
        run = _run(agent)
        sent = runs.signal(run.run.pk, "payment", 5)
        Call.objects.filter(run=run.run).update(
            due_at=sent.sent_at
        )  # in the last moment, and then it is over
        look()
        assert _drive(run, agent, times_out=True).outputs == {"one": 5}


def test_a_signal_that_came_too_late_answers_nothing_and_is_there_for_the_next() -> None:
    def agent(task: Task) -> Any:
        try:
            task.wait_for("payment", timeout_seconds=60)
        except SignalTimedOut:
            return ["late", task.wait_for("payment")]

    run = _run(agent)
    _pass_time()
    runs.signal(run.run.pk, "payment", 5)
    assert _drive(run, agent).outputs == {"one": ["late", 5]}


def test_an_attempt_that_comes_to_a_wait_looks_for_a_signal_before_it_looks_at_the_clock() -> None:
    def agent(task: Task) -> Any:
        task.once("early", lambda: bool(runs.signal(task.run_id, "payment", 5).pk))
        try:
            return task.wait_for("payment", timeout_seconds=0)
        except SignalTimedOut:
            return "late"

    # It came before the wait began, whose time is over at once.
    assert _run(agent).outputs == {"one": 5}


def test_no_wait_of_a_run_that_has_ended_is_answered() -> None:
    run = _run(lambda task: [task.wait_for("payment", timeout_seconds=60), task.sleep(60)])
    runs.cancel(run.run.pk)
    _pass_time()
    assert end_waits() == 0
    call = Call.objects.get()
    assert (call.state, call.awaited_in) == ("open", None)  # nor is it looked at again


def test_a_run_that_is_tried_again_waits_anew() -> None:
    def agent(task: Task) -> Any:
        return task.wait_for("payment", timeout_seconds=60)

    run = _run(agent)
    runs.cancel(run.run.pk)
    _pass_time()
    runs.retry(run.run.pk)
    run = _drive(run, agent)
    assert run.waiting == ["one"]
    runs.signal(run.run.pk, "payment", 5)
    done = _drive(run, agent)
    assert done.outputs == {"one": 5}
    assert [*Call.objects.order_by("pk").values_list("path", "state")] == [
        ("signal:payment#1", "open"),
        ("signal:payment#1~1", "done"),
    ]
    assert runs.verify(run.run.pk).holds


@pytest.mark.parametrize("error", [None, ValueError])
def test_a_step_that_is_sent_back_waits_anew_for_what_did_not_come_in_time(error: Any) -> None:
    def agent(task: Task) -> Any:
        try:
            return task.wait_for("payment", timeout_seconds=60)
        except SignalTimedOut as late:
            raise (error("never paid") if error else late) from late.__cause__

    run = _drive(_run(agent), agent, times_out=True)
    for number in (1, 2):
        assert run.held == ["one"]
        _decide(ResolutionKind.SEND_BACK, feedback="he will pay")
        run = _drive(run, agent)
        assert run.waiting == ["one"]
        if number == 1:
            run = _drive(run, agent, times_out=True)
    runs.signal(run.run.pk, "payment", 5)
    done = _drive(run, agent)
    assert done.outputs == {"one": 5}
    assert Call.objects.latest("pk").path == "signal:payment#1~2"
    assert runs.verify(run.run.pk).holds


def test_what_the_agent_did_because_nobody_came_is_not_undone_by_feedback() -> None:
    def agent(task: Task) -> Any:
        try:
            task.wait_for("payment", timeout_seconds=60)
        except SignalTimedOut:
            task.once("dun", lambda: None)
            if task.feedback is None:
                raise ValueError("it can't go on") from None
            return "dunned"

    run = _drive(_run(agent), agent, times_out=True)
    assert run.held == ["one"]
    _decide(ResolutionKind.SEND_BACK, feedback="go on")
    assert _drive(run, agent).outputs == {"one": "dunned"}
