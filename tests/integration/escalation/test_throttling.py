"""While people can't keep up, agents that their queue lists wait, until people can again or are asked."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents import agent
from agents.domain.catalogue import catalogue
from escalation.figures import find_hold_backs
from escalation.models import ReviewQueue, Ticket, read_clock
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.maintenance import rescuer, throttling
from orchestration.models import Attempt, Decision, Project, Run, Step, Throttle, WorkerProcess
from orchestration.transitions.claim import claim_step
from tests.integration.escalation.desk import hold
from tests.integration.escalation.figured import place_ticket
from tests.integration.escalation.test_pending_killed import survives
from tests.integration.orchestration.bench import Bench, step_of, waits
from tests.integration.orchestration.rig import AGENT, Rig, graph
from tests.people import make_member
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

A, B = "test.eager", "test.other"


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def bench(calls: list[str]) -> Iterator[Bench]:
    before = dict(catalogue._declared)
    for name in (A, B):
        agent(name)(lambda _: None)
    yield Bench.make({name: lambda _, name=name: calls.append(name) for name in (A, B)})
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()


@pytest.fixture
def queue(db: None) -> ReviewQueue:
    """One reviewer decides one ticket in ten minutes; each is to be decided within one, and three wait."""
    anna, now = make_member("anna", "reviewer"), read_clock()
    place_ticket(now - timedelta(minutes=20), touched=0, resolved=600, by=anna)
    for minutes in range(3):
        place_ticket(now - timedelta(minutes=minutes))
    (found,) = ReviewQueue.objects.all()
    found.throttled_agents = [A]
    found.save()
    return found


def spec(*agents: str, **fields: Any) -> WorkflowSpec:
    steps = tuple(StepSpec(f"s{place}", agent=name, **fields) for place, name in enumerate(agents or (A,)))
    return WorkflowSpec(name="eager", steps=steps)


def sweep() -> int:
    with mute_dispatch():
        return throttling.hold_back_agents()


def decide_all(queue: ReviewQueue) -> None:
    Ticket.objects.filter(queue=queue, status="open").update(status="withdrawn", withdrawn_at=read_clock())


def let_time_pass(seconds: float) -> None:
    """Make all waits older, and the throttles too."""
    span = timedelta(seconds=seconds)
    with history_rewritten():
        for decision in Decision.objects.all():
            Decision.objects.filter(pk=decision.pk).update(decided_at=decision.decided_at - span)
    for row in Throttle.objects.all():
        Throttle.objects.filter(pk=row.pk).update(since=row.since - span)


# When


def test_a_queue_that_can_t_keep_up_holds_back_the_agents_that_it_lists(queue: ReviewQueue) -> None:
    (held,) = find_hold_backs()
    assert (held.project_id, held.agent, held.source) == (queue.project_id, A, queue.slug)
    assert held.reason == (
        "the review queue 'default' can't keep up: what comes now would be decided in about 40 minutes, its target is "
        "1 minute"
    )


def test_without_a_list_nobody_waits_and_one_statement_says_so(queue: ReviewQueue) -> None:
    ReviewQueue.objects.update(throttled_agents=[])
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert find_hold_backs() == []
    assert len(asked) == 1


@pytest.mark.parametrize("way", ["decided", "put off", "paused", "nobody is there", "a longer target"])
def test_a_queue_that_keeps_up_is_empty_or_of_unknown_pace_holds_nobody_back(
    queue: ReviewQueue, way: str
) -> None:
    waiting = Ticket.objects.filter(status="open")
    match way:
        case "decided":
            decide_all(queue)
        case "put off":
            waiting.update(snoozed_until=read_clock() + timedelta(hours=1))
        case "paused":
            with history_rewritten():
                waiting.update(paused_at=read_clock())
        case "nobody is there":
            with history_rewritten():
                Ticket.objects.filter(status="resolved").delete()
        case _:
            with history_rewritten():
                Ticket.objects.update(due_at=read_clock() + timedelta(hours=9))
    assert find_hold_backs() == []


def test_the_target_is_that_of_what_waits(queue: ReviewQueue) -> None:
    with history_rewritten():
        Ticket.objects.filter(status="open").update(due_at=F("opened_at") + timedelta(minutes=39))
    assert "in about 40 minutes, its target is 39 minutes" in find_hold_backs()[0].reason
    with history_rewritten():
        Ticket.objects.filter(status="open").update(due_at=F("opened_at") + timedelta(minutes=40))
    assert find_hold_backs() == []


def test_an_audit_gives_nobody_more_time(queue: ReviewQueue) -> None:
    """Nothing waits for it, so its days say nothing of what the queue's tickets are late for."""
    opened_at = read_clock()
    audit = place_ticket(opened_at, sample_id=1, subject="audit", rule="audit_sample")
    with history_rewritten():
        Ticket.objects.filter(pk=audit.pk).update(due_at=opened_at + timedelta(days=3))
    (held,) = find_hold_backs()
    assert held.reason.endswith("in about 40 minutes, its target is 1 minute")


# The wait


def test_its_steps_wait_uncalled_and_say_why(bench: Bench, queue: ReviewQueue, calls: list[str]) -> None:
    sweep()
    run = bench.start(spec(A, B))
    assert (bench.perform(step_of(run, "s0")), bench.perform(step_of(run, "s1"))) == ("wait", "accept")
    assert (waits(run), calls) == ({"s0": "reviewers"}, [B])
    attempt = Attempt.objects.select_related("decision").get(step__run=run, step__key="s0")
    assert (attempt.outcome, attempt.decision.rule) == ("kept_away", "reviewers_wait")
    assert "about 40 minutes" in attempt.decision.reason
    assert step_of(run, "s0").failures == 0
    out = StringIO()
    call_command("show_run", str(run.pk), stdout=out)
    assert "waits until people keep up" in out.getvalue()
    assert runs.verify(run.pk).fault is None
    assert sweep() == 0
    assert waits(run) == {"s0": "reviewers"}


def test_the_pages_and_the_api_say_it_too(bench: Bench, queue: ReviewQueue) -> None:
    sweep()
    run = bench.start(spec())
    bench.perform(step_of(run, "s0"))
    client = Client()
    client.force_login(make_member("olga", "operator"))
    page = client.get(f"/admin/orchestration/run/{run.pk}/change/").content.decode()
    assert "waits for reviewers" in page
    step = client.get(f"/api/v1/runs/{run.pk}/steps").json()["results"][0]
    assert step["waits_for"] == "reviewers"


@pytest.mark.parametrize("way", ["decided", "setting", "deleted"])
def test_it_goes_on_with_the_sweep_after_the_reason_went(
    bench: Bench, queue: ReviewQueue, calls: list[str], way: str
) -> None:
    sweep()
    run = bench.start(spec())
    bench.perform(step_of(run, "s0"))
    match way:
        case "decided":
            decide_all(queue)
        case "setting":
            ReviewQueue.objects.update(throttled_agents=[])
        case _:
            Throttle.objects.all().delete()  # the maintainer died before it rang
            ReviewQueue.objects.update(throttled_agents=[B])
    dispatches = step_of(run, "s0").dispatches
    assert sweep() == 1
    step = step_of(run, "s0")
    assert (step.waits_for, step.dispatches) == ("", dispatches + 1)
    assert sweep() == 0
    assert bench.perform(step) == "accept"
    assert calls == [A]


def test_a_pinned_agent_waits_and_another_project_s_does_not(bench: Bench, queue: ReviewQueue) -> None:
    sweep()
    Throttle.objects.update(project=Project.objects.create(slug="elsewhere", name="x"))
    run = bench.start(spec())
    assert bench.perform(step_of(run, "s0")) == "accept"
    queue.throttled_agents = [f"{A}@3"]
    queue.save()
    assert [one.agent for one in find_hold_backs()] == [A]


def test_a_step_that_runs_on_in_place_is_looked_at_too(queue: ReviewQueue) -> None:
    Throttle.objects.create(project=Project.objects.get(slug="default"), agent=AGENT, source="q", reason="r")
    rig = Rig.begin(graph({"a": (), "b": ("a",)}))
    assert rig.take("a").must_ask


def test_what_holds_another_project_back_is_neither_looked_at_nor_told(
    bench: Bench, queue: ReviewQueue
) -> None:
    elsewhere = Project.objects.create(slug="elsewhere", name="x")
    Throttle.objects.create(project=elsewhere, agent=AGENT, source="q", reason="theirs")
    assert not Rig.begin(graph({"a": ()})).take("a").must_ask
    Throttle.objects.create(project=elsewhere, agent=A, source="q", reason="theirs")
    own = Throttle.objects.create(project=queue.project, agent=A, source="q", reason="ours")
    run = bench.start(spec())
    bench.perform(step_of(run, "s0"))
    assert Decision.objects.get(step__run=run).reason == own.reason


def test_work_that_came_back_waits_for_nobody(bench: Bench, queue: ReviewQueue, calls: list[str]) -> None:
    sweep()
    run = bench.start(spec())
    Step.objects.filter(run=run).update(revision=1)
    assert bench.perform(step_of(run, "s0")) == "accept"
    assert calls == [A]


def test_a_worker_that_dies_between_claim_and_wait_loses_nothing(bench: Bench, queue: ReviewQueue) -> None:
    sweep()
    run = bench.start(spec())
    step = step_of(run, "s0")
    process = WorkerProcess.objects.create(
        name="dying", host="", pid=0, queues=["steps"], agents=[A], concurrency=1
    )
    assert claim_step(step.pk, process_id=process.pk, task_id="t", agents=[A]) is not None
    WorkerProcess.objects.filter(pk=process.pk).update(stopped_at=read_clock())
    with mute_dispatch():
        rescuer.free_stranded()
    Step.objects.filter(run=run, status="retryable").update(status="available", due_at=None)
    assert bench.perform(step_of(run, "s0")) == "wait"
    assert waits(run) == {"s0": "reviewers"}


# Asking people


def test_who_waited_too_long_asks_once_for_all_agents_of_the_queue(
    bench: Bench, queue: ReviewQueue, calls: list[str]
) -> None:
    queue.throttled_agents = [A, B]
    queue.save()
    sweep()
    run = bench.start(spec(A, A, B, timeout_seconds=60, on_failure="abort", fallback=()))
    for step in Step.objects.filter(run=run):
        assert bench.perform(step) == "wait"
    assert sweep() == 0
    let_time_pass(61)
    assert sweep() == 3
    before = Ticket.objects.count()
    words = [bench.perform(step) for step in Step.objects.filter(run=run).order_by("pk")]
    assert (words, calls) == (["escalate", "wait", "wait"], [])
    assert Ticket.objects.count() == before + 1
    ticket = Ticket.objects.get(run=run)
    assert ticket.rule == "reviewers"
    rules = Decision.objects.filter(step__run=run).order_by("pk").values_list("rule", flat=True)
    assert list(rules)[3:] == ["reviewers", "reviewers_asked", "reviewers_asked"]
    let_time_pass(600)
    assert sweep() == 0  # who was told that somebody asks is not woken again for that
    decide_all(queue)
    assert sweep() == 2


def test_the_step_that_asks_may_come_again_after_a_crash(bench: Bench, queue: ReviewQueue) -> None:
    sweep()
    run = bench.start(spec(timeout_seconds=60))
    bench.perform(step_of(run, "s0"))
    let_time_pass(61)
    assert sweep() == 1
    Throttle.objects.update(asked_step=step_of(run, "s0").pk)
    assert bench.perform(step_of(run, "s0")) == "escalate"


def test_a_throttle_that_stays_keeps_since_when_and_who_asked(queue: ReviewQueue) -> None:
    sweep()
    row = Throttle.objects.get()
    Throttle.objects.update(asked_step=7)
    hold()
    sweep()
    again = Throttle.objects.get()
    assert (again.pk, again.since, again.asked_step) == (row.pk, row.since, 7)
    assert again.reason != row.reason


def test_its_admins_say_which_agents_wait(queue: ReviewQueue) -> None:
    client = Client()
    client.force_login(make_member("lea", "admin"))
    page = client.get(f"/admin/escalation/reviewqueue/{queue.pk}/change/").content.decode()
    assert 'name="throttled_agents"' in page
    address = f"/api/v1/queues/{queue.project.slug}/{queue.slug}"
    changed = client.patch(address, {"throttled_agents": ["support.writer"]}, content_type="application/json")
    assert changed.json()["throttled_agents"] == ["support.writer"]
    assert Run.objects.count() >= 1


# Killed


def _kill_everywhere(check: Callable[[], Any]) -> int:
    """Kill a maintainer that sweeps before each of its statements; return how many those were."""
    for place in range(1, 60):
        if survives(sweep, place):
            return place - 1
        check()
    raise AssertionError("it never got through")


@pytest.mark.django_db(transaction=True)
def test_killed_anywhere_an_agent_is_held_back_once_and_let_go_once(
    bench: Bench, queue: ReviewQueue, calls: list[str]
) -> None:
    assert _kill_everywhere(lambda: None) > 3
    assert Throttle.objects.get().agent == A
    run = bench.start(spec())
    assert bench.perform(step_of(run, "s0")) == "wait"

    def look() -> tuple[str, str, int]:
        step = step_of(run, "s0")
        return step.status, step.waits_for, step.failures

    def is_whole() -> None:
        assert look() in {("available", "reviewers", 0), ("available", "", 0)}

    decide_all(queue)
    assert _kill_everywhere(is_whole) > 3
    assert (look(), Throttle.objects.count()) == (("available", "", 0), 0)
    assert bench.perform(step_of(run, "s0")) == "accept"
    assert calls == [A]
    assert runs.verify(run.pk).fault is None
