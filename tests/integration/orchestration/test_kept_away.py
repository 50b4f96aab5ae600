"""Steps whose agent's breaker is open: not called, waiting, rung for as its probe, and people asked once."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db.models import F

from agents import PermanentError, Task, TransientError, agent
from agents.admission import Door, Standing, presume_failure, reset_breaker
from agents.domain.catalogue import catalogue
from agents.domain.invocation import FailureKind
from agents.models import Breaker, CountedFailure
from escalation.models import Ticket
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.executor import Crash, admission, conclude, load_facts
from orchestration.maintenance import queues
from orchestration.models import Attempt, Decision, Event, Run, Step
from tests.integration.agents.admission.scenes import age_failures, fail, let_pause_pass, state_of
from tests.integration.orchestration.bench import Bench, step_of, waits
from tests.integration.orchestration.rig import AGENT, Rig, failure, graph
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

A = "test.provider"
ONCE = Retry(max_attempts=1)


class Provider:
    """An agent that answers, or fails as it is told, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None

    def __call__(self, _task: Task) -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return "fine"


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def bench(provider: Provider) -> Bench:
    return Bench.make({A: provider, "test.other": lambda _: "fine"})


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Know the agents, and a door that has seen the provider answer."""
    monkeypatch.setattr(admission, "_DOOR", Door())
    admission._DOOR.note_end(A, uuid4(), failed=False)
    before = dict(catalogue._declared)
    agent(A)(lambda _: None)
    agent("test.other")(lambda _: None)
    yield
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()


def spec(*keys: str, **fields: Any) -> WorkflowSpec:
    steps = tuple(StepSpec(key, agent=A, retry=ONCE, **fields) for key in keys or ("a",))
    return WorkflowSpec(name="asking", steps=steps)


def let_it_fail_elsewhere() -> None:
    """One of six calls of this process is back, with a failure; five are under way."""
    first = uuid4()
    assert admission._DOOR.let_in(A, first) is Standing.GOOD
    for attempt_id in range(-5, 0):
        assert presume_failure(A, attempt_id=attempt_id, token=uuid4(), uncounted=1)
    admission._DOOR.note_end(A, first, failed=True)


def show(run: Run) -> str:
    out = StringIO()
    call_command("show_run", str(run.pk), stdout=out)
    return out.getvalue()


def wake() -> set[int]:
    """Let the maintainer ring for those that may go on; return their ids."""
    before = dict(Step.objects.values_list("pk", "dispatches"))
    with mute_dispatch():
        queues.wake_breaker_waiters()
    return {step.pk for step in Step.objects.all() if step.dispatches > before[step.pk]}


def let_time_pass(seconds: float) -> None:
    """Make all that happened so far older."""
    span = timedelta(seconds=seconds)
    with history_rewritten():
        for decision in Decision.objects.all():
            Decision.objects.filter(pk=decision.pk).update(decided_at=decision.decided_at - span)
    for row in Breaker.objects.all():
        Breaker.objects.filter(pk=row.pk).update(opened_at=row.opened_at - span)


def test_failures_of_attempts_open_the_breaker_and_the_next_step_is_kept_away(
    bench: Bench, provider: Provider
) -> None:
    provider.error = ConnectionError("gone")
    for _ in range(6):
        run = bench.start(spec())
        assert bench.perform(step_of(run, "a")) == "escalate"
    assert (provider.calls, state_of(A), CountedFailure.objects.count()) == (6, "open", 6)

    run = bench.start(spec())
    assert bench.perform(step_of(run, "a")) == "wait"

    assert provider.calls == 6
    assert waits(run) == {"a": "breaker"}
    attempt = Attempt.objects.select_related("decision").get(step__run=run)
    assert (attempt.outcome, attempt.failure_kind) == ("kept_away", "breaker_open")
    assert (attempt.decision.kind, attempt.decision.rule) == ("wait", "breaker_wait")
    assert "test.provider failed too often and is kept away from work since" in attempt.error_message
    assert CountedFailure.objects.count() == 6
    assert step_of(run, "a").failures == 0
    assert "test.provider failed too often" in show(run)
    assert "`manage.py breakers` says when" in show(run)
    assert Event.objects.filter(run=run, kind="step_waits").count() == 1
    assert runs.verify(run.pk).fault is None


@pytest.mark.parametrize("error", [PermanentError("no"), ValueError("no"), KeyError("no")])
def test_failures_that_say_nothing_about_the_agent_open_nothing(
    bench: Bench, provider: Provider, error: Exception
) -> None:
    provider.error = error
    for _ in range(8):
        bench.perform(step_of(bench.start(spec()), "a"))
    assert provider.calls == 8
    assert not Breaker.objects.exists()


def test_retries_count_like_any_other_attempt(bench: Bench, provider: Provider) -> None:
    provider.error = TransientError("busy")
    run = bench.start(
        WorkflowSpec(name="patient", steps=(StepSpec("a", agent=A, retry=Retry(max_attempts=50)),))
    )
    for _ in range(20):
        Step.objects.filter(run=run, status="retryable").update(status="available", due_at=None)
        bench.perform(step_of(run, "a"))
    assert provider.calls == 6
    assert waits(run) == {"a": "breaker"}


def test_another_agent_s_steps_go_on(bench: Bench) -> None:
    fail(A, 6)
    run = bench.start(WorkflowSpec(name="others", steps=(StepSpec("a", agent="test.other"),)))
    assert bench.perform(step_of(run, "a")) == "accept"


def test_a_step_with_a_fallback_goes_to_it_at_once(bench: Bench, provider: Provider) -> None:
    fail(A, 6)
    run = bench.start(spec(fallback=("test.other",)))
    assert bench.perform(step_of(run, "a")) == "fallback"
    assert bench.perform(step_of(run, "a")) == "accept"
    assert provider.calls == 0
    agents = Attempt.objects.filter(step__run=run).order_by("number").values_list("agent", "outcome")
    assert list(agents) == [(A, "kept_away"), ("test.other", "answered")]
    assert runs.verify(run.pk).fault is None


def test_a_fallback_whose_breaker_is_open_too_makes_wait(bench: Bench) -> None:
    fail(A, 6)
    fail("test.other", 6)
    run = bench.start(spec(fallback=("test.other",)))
    assert bench.perform(step_of(run, "a")) == "fallback"
    assert bench.perform(step_of(run, "a")) == "wait"
    reset_breaker("test.other", by="anna")
    assert wake() == {step_of(run, "a").pk}
    assert bench.perform(step_of(run, "a")) == "accept"


def test_while_it_is_open_nobody_is_rung_for(bench: Bench) -> None:
    fail(A, 6)
    bench.perform(step_of(bench.start(spec()), "a"))
    assert wake() == set()


def test_after_the_pause_one_is_rung_for_and_its_answer_lets_all_go_on(
    bench: Bench, provider: Provider
) -> None:
    fail(A, 6)
    run = bench.start(spec("a", "b", "c"))
    for key in "abc":
        bench.perform(step_of(run, key))
    let_pause_pass(A)

    assert wake() == {step_of(run, "a").pk}
    assert wake() == set()  # its message is under way
    assert bench.perform(step_of(run, "a")) == "accept"
    assert state_of(A) == "closed"
    assert wake() == {step_of(run, "b").pk, step_of(run, "c").pk}
    assert bench.perform(step_of(run, "b")) == "accept"
    assert bench.perform(step_of(run, "c")) == "accept"
    assert provider.calls == 3
    done = runs.get_run(run.pk)
    assert done.status == "succeeded"
    assert runs.verify(run.pk).fault is None


def test_a_probe_of_higher_priority_goes_first(bench: Bench) -> None:
    fail(A, 6)
    low, high = bench.start(spec()), bench.start(spec(), priority=3)
    for run in (low, high):
        bench.perform(step_of(run, "a"))
    let_pause_pass(A)
    assert wake() == {step_of(high, "a").pk}


def test_a_probe_that_fails_keeps_the_others_away_for_longer(bench: Bench, provider: Provider) -> None:
    fail(A, 6)
    run = bench.start(spec("a", "b"))
    for key in "ab":
        bench.perform(step_of(run, key))
    let_pause_pass(A)
    wake()
    provider.error = ConnectionError("still gone")
    assert bench.perform(step_of(run, "a")) == "escalate"
    assert (state_of(A), provider.calls) == ("open", 1)
    assert Breaker.objects.get().pause_seconds == 60
    assert wake() == set()


def test_a_probe_that_is_refused_for_its_input_makes_way(bench: Bench, provider: Provider) -> None:
    fail(A, 6)
    run = bench.start(spec("a", "b"))
    for key in "ab":
        bench.perform(step_of(run, key))
    let_pause_pass(A)
    wake()
    provider.error = ValueError("not this one")
    bench.perform(step_of(run, "a"))
    assert state_of(A) == "half_open"
    assert wake() == {step_of(run, "b").pk}


def test_a_reset_lets_all_go_on(bench: Bench) -> None:
    fail(A, 6)
    run = bench.start(spec("a", "b"))
    for key in "ab":
        bench.perform(step_of(run, key))
    reset_breaker(A, by="anna")
    assert wake() == {step_of(run, "a").pk, step_of(run, "b").pk}


def test_a_paused_run_s_steps_are_not_rung_for(bench: Bench) -> None:
    fail(A, 6)
    run = bench.start(spec())
    bench.perform(step_of(run, "a"))
    runs.pause(run.pk)
    reset_breaker(A, by="anna")
    assert wake() == set()
    runs.resume(run.pk)
    assert wake() == {step_of(run, "a").pk}


def test_people_are_asked_once_per_opening(bench: Bench) -> None:
    fail(A, 6)
    run = bench.start(spec("a", "b", "c", timeout_seconds=60.0))
    for key in "abc":
        bench.perform(step_of(run, key))
    let_time_pass(30)
    assert wake() == set()
    let_time_pass(31)
    assert len(wake()) == 3

    assert [bench.perform(step_of(run, key)) for key in "abc"] == ["escalate", "wait", "wait"]

    ticket = Ticket.objects.get()
    assert ticket.step_id == step_of(run, "a").pk
    assert "kept away from work" in ticket.reason
    assert waits(run) == {"b": "breaker", "c": "breaker"}
    let_time_pass(1000)
    assert wake() == set()
    reset_breaker(A, by="anna")
    assert wake() == {step_of(run, "b").pk, step_of(run, "c").pk}


def test_a_new_opening_is_a_new_question(bench: Bench) -> None:
    for _ in range(2):
        fail(A, 6)
        run = bench.start(spec(timeout_seconds=60.0))
        bench.perform(step_of(run, "a"))
        let_time_pass(61)
        wake()
        assert bench.perform(step_of(run, "a")) == "escalate"
        reset_breaker(A, by="anna")
        age_failures(A, 100)
    assert Ticket.objects.count() == 2


def test_an_uncritical_step_is_skipped_when_its_time_is_over_and_asks_nobody(bench: Bench) -> None:
    fail(A, 6)
    run = bench.start(spec("a", timeout_seconds=60.0, critical=False))
    bench.perform(step_of(run, "a"))
    let_time_pass(61)
    wake()
    assert bench.perform(step_of(run, "a")) == "skip"
    assert Breaker.objects.get().asked_step is None
    assert not Ticket.objects.exists()


def test_a_step_that_pins_its_agent_s_version_comes_to_the_same_door(bench: Bench) -> None:
    let_it_fail_elsewhere()
    run = bench.start(WorkflowSpec(name="pinned", steps=(StepSpec("a", agent=f"{A}@1"),)))
    assert bench.perform(step_of(run, "a")) == "wait"


def test_the_door_turns_away_before_the_breaker_is_open(bench: Bench, provider: Provider) -> None:
    let_it_fail_elsewhere()
    run = bench.start(spec())
    assert bench.perform(step_of(run, "a")) == "wait"
    assert provider.calls == 0
    decision = Decision.objects.get(step__run=run)
    assert (decision.kind, decision.rule) == ("wait", "agent_suspect")
    assert wake() == {step_of(run, "a").pk}  # the breaker is closed: it tries again at once


def test_a_call_to_a_suspect_is_counted_beforehand_and_its_answer_takes_the_count_back(
    bench: Bench, provider: Provider
) -> None:
    admission._DOOR.note_end(A, uuid4(), failed=True)
    seen: list[Any] = []
    looking = Bench(
        bench.process_id, {A: lambda _: seen.extend(CountedFailure.objects.values_list("is_presumed"))}
    )
    assert looking.perform(step_of(bench.start(spec()), "a")) == "accept"
    assert seen == [(True,)]
    assert not CountedFailure.objects.exists()
    assert admission._DOOR.let_in(A, uuid4()) is Standing.GOOD


@pytest.mark.parametrize(("error", "kinds"), [(TimeoutError(), [("timeout", False)]), (ValueError(), [])])
def test_a_presumed_failure_becomes_real_or_nothing(
    bench: Bench, provider: Provider, error: Exception, kinds: list[tuple[str, bool]]
) -> None:
    admission._DOOR.note_end(A, uuid4(), failed=True)
    provider.error = error
    bench.perform(step_of(bench.start(spec()), "a"))
    assert list(CountedFailure.objects.values_list("kind", "is_presumed")) == kinds


def test_calls_that_are_under_way_here_count_too(bench: Bench, provider: Provider) -> None:
    for _ in range(6):
        admission._DOOR.let_in(A, uuid4())
    admission._DOOR.note_end(A, uuid4(), failed=True)
    assert bench.perform(step_of(bench.start(spec()), "a")) == "wait"
    assert provider.calls == 0


def forget_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a process that has just started."""
    monkeypatch.setattr(admission, "_DOOR", Door())


def test_the_first_call_of_a_process_is_counted_beforehand(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_all(monkeypatch)
    seen: list[Any] = []
    looking = Bench(
        bench.process_id, {A: lambda _: seen.extend(CountedFailure.objects.values_list("is_presumed"))}
    )
    for _ in range(2):
        assert looking.perform(step_of(bench.start(spec()), "a")) == "accept"
    assert seen == [(True,)]
    assert not CountedFailure.objects.exists()


@pytest.mark.parametrize(
    ("failed", "under_way", "outcome"), [(0, 9, "accept"), (1, 5, "wait"), (1, 4, "accept")]
)
def test_it_is_turned_away_only_where_the_agent_has_failed_elsewhere(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, failed: int, under_way: int, outcome: str
) -> None:
    for attempt_id in range(-under_way, 0):
        assert presume_failure(A, attempt_id=attempt_id, token=uuid4(), uncounted=0, is_new=True)
    fail(A, failed)
    forget_all(monkeypatch)
    assert bench.perform(step_of(bench.start(spec()), "a")) == outcome


def test_presumed_failures_alone_open_nothing(bench: Bench) -> None:
    let_it_fail_elsewhere()
    bench.perform(step_of(bench.start(spec()), "a"))
    assert not Breaker.objects.exists()


def test_a_probe_passes_the_door_of_a_process_that_saw_the_failures(bench: Bench, provider: Provider) -> None:
    provider.error = ConnectionError("gone")
    for _ in range(6):
        bench.perform(step_of(bench.start(spec()), "a"))
    let_pause_pass(A)
    provider.error = None
    assert bench.perform(step_of(bench.start(spec()), "a")) == "accept"
    assert state_of(A) == "closed"


def test_after_a_reset_a_process_that_saw_the_failures_calls_again(bench: Bench, provider: Provider) -> None:
    provider.error = ConnectionError("gone")
    for _ in range(6):
        bench.perform(step_of(bench.start(spec()), "a"))
    provider.error = None
    reset_breaker(A, by="anna")
    assert admission._DOOR.let_in(A, uuid4()) is Standing.SUSPECT
    assert bench.perform(step_of(bench.start(spec()), "a")) == "accept"
    assert admission._DOOR.let_in(A, uuid4()) is Standing.GOOD


def test_one_that_is_turned_away_again_waits_longer_each_time(bench: Bench) -> None:
    let_it_fail_elsewhere()
    run = bench.start(spec())
    for seconds in (0, 1, 2):
        assert bench.perform(step_of(run, "a")) == "wait"
        if seconds:
            assert wake() == set()
            let_time_pass(seconds)
        assert wake() == {step_of(run, "a").pk}


def test_the_door_sends_nobody_to_a_fallback(bench: Bench) -> None:
    let_it_fail_elsewhere()
    run = bench.start(spec(fallback=("test.other",)))
    assert bench.perform(step_of(run, "a")) == "wait"
    fail(A, 6)
    assert wake() == {step_of(run, "a").pk}
    assert bench.perform(step_of(run, "a")) == "fallback"


def test_one_that_the_door_turned_away_is_rung_for_once_more_when_the_breaker_is_open(bench: Bench) -> None:
    """Also when it opened first: the claim was older, and no fallback was looked for yet."""
    let_it_fail_elsewhere()
    run = bench.start(spec())
    bench.perform(step_of(run, "a"))
    fail(A, 6)
    Breaker.objects.update(opened_at=F("opened_at") - timedelta(hours=1))
    assert wake() == {step_of(run, "a").pk}
    assert bench.perform(step_of(run, "a")) == "wait"
    assert Decision.objects.filter(step__run=run, rule="breaker_wait").count() == 1
    assert wake() == set()


def test_a_crash_counts_only_if_it_was_the_step_s_own() -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.free(rig.take("a"))
    assert list(CountedFailure.objects.values_list("kind", flat=True)) == ["crash"]
    claim = rig.take("a")
    crash = Crash("steps", is_own=False)
    conclude(claim, StepSpec("a", agent=AGENT), load_facts(claim), failure(FailureKind.CRASH), crash=crash)
    assert CountedFailure.objects.count() == 1


def test_an_open_breaker_leaves_the_answer_of_a_call_under_way_alone(
    bench: Bench, provider: Provider
) -> None:
    run = bench.start(spec())
    slow = Bench(bench.process_id, {A: lambda _: fail(A, 6)})
    assert slow.perform(step_of(run, "a")) == "accept"
    assert state_of(A) == "open"
    assert runs.get_run(run.pk).status == "succeeded"


def test_a_run_that_is_cancelled_takes_its_waiting_steps_along(bench: Bench) -> None:
    fail(A, 6)
    run: Run = bench.start(spec())
    bench.perform(step_of(run, "a"))
    runs.cancel(run.pk)
    assert step_of(run, "a").status == "cancelled"
    reset_breaker(A, by="anna")
    assert wake() == set()
