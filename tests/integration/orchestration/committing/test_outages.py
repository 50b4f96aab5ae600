"""The database goes away while an agent works: what came of it is written when it is back, and its body ran once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from agents import Result, Task, TransientError
from agents.admission import Door
from agents.domain.invocation import SentBack
from agents.models import Breaker, CountedFailure
from escalation.models import Ticket
from orchestration import Retry, StepSpec, Verify, WorkflowSpec
from orchestration.database import insistence
from orchestration.domain.work import Facts
from orchestration.executor import admission, conclude_surely, pipeline
from orchestration.executor.prepare import get_step_spec
from orchestration.maintenance import rescuer
from orchestration.models import Attempt, Run, Step
from orchestration.planning.run import load_plan
from orchestration.transitions.heal import wake_now
from orchestration.worker.sessions import read_parameters
from tests.integration.agents.admission.scenes import fail
from tests.integration.orchestration.bench import Bench, step_of, waits
from tests.integration.orchestration.rig import AGENT, Rig, graph, in_thread

SOON = Retry(backoff_base_seconds=0, jitter_seconds=0)


@contextmanager
def _administrator() -> Iterator[psycopg.Connection[Any]]:
    """Open a session beside the test's database, which nobody may close who is in it."""
    address = read_parameters("the administrator") | {"dbname": "postgres"}
    with psycopg.connect(**address, autocommit=True) as session:
        yield session


def _let_connect(word: str) -> None:
    name = connection.settings_dict["NAME"]
    with _administrator() as session:
        allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        session.execute(allow.format(sql.Identifier(name), sql.SQL(word)))
        session.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
        )


@dataclass
class Outage:
    """Ends all sessions and lets nobody in, as a server does that starts anew, until the engine has noticed."""

    bodies: list[tuple[str, int]] = field(default_factory=list)
    noticed: int = 0
    is_on: bool = False

    def begin(self) -> None:
        self.is_on = True
        _let_connect("false")

    def end(self) -> None:
        if self.is_on:
            self.is_on = False
            _let_connect("true")
        connection.close()  # this thread's, broken long since

    def during(self, attempt: int, answer: Any) -> Callable[[Task], Any]:
        """Return an agent whose body meets the outage at an attempt; before that it fails in a way that may pass."""

        def act(task: Task) -> Any:
            self.bodies.append((task.step_key, task.attempt))
            if task.attempt < attempt:
                raise TransientError("not yet")
            self.begin()
            if isinstance(answer, Exception):
                raise answer
            return answer

        return act


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    made = Outage()
    reconnect = insistence.reconnect
    monkeypatch.setattr(admission, "_DOOR", Door())
    Breaker.objects.all().delete()
    CountedFailure.objects.all().delete()

    def notice() -> None:
        made.noticed += 1
        made.end()
        reconnect()

    monkeypatch.setattr(insistence, "reconnect", notice)
    yield made
    made.end()


def _perform(
    outage: Outage, step: StepSpec, agent: Callable[[Task], Any], attempts: int = 1
) -> tuple[Run, str]:
    """Perform a run's only planned step so often; return its last word, when the database is there again."""
    bench = Bench.make({step.agent: agent, "test.child": lambda _: {"verdict": "PASS"}})
    run = bench.start(WorkflowSpec(name="outage", steps=(step,)))
    word = ""
    for _ in range(attempts):
        wake_now(run.pk)
        word = bench.perform(step_of(run, "a"))
    outage.end()
    return run, word


def _outcomes(run: Run) -> list[tuple[str | None, str]]:
    """Return how the attempts ended, after the maintainer looked for some whose time is over."""
    Step.objects.filter(run=run, status="running").update(deadline_at="2020-01-01T00:00Z")
    rescuer.free_overdue()
    rows = Attempt.objects.filter(step__run=run, step__key="a").order_by("number")
    return list(rows.values_list("outcome", "failure_kind"))


def test_the_answer_of_a_second_attempt_is_kept(outage: Outage) -> None:
    run, word = _perform(outage, StepSpec("a", agent=AGENT, retry=SOON), outage.during(2, "said"), attempts=2)

    assert _outcomes(run) == [("failed", "transient"), ("answered", "")]
    assert (word, step_of(run, "a").output) == ("accept", "said")
    assert (outage.bodies, outage.noticed) == ([("a", 1), ("a", 2)], 1)


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize(
    ("verify", "grown"),
    [(None, "a/b"), (Verify("test.child"), "a?0")],
    ids=["spawner", "gated"],
)
def test_what_an_answer_lets_grow_is_kept(
    outage: Outage, attempt: int, verify: Verify | None, grown: str
) -> None:
    said = Result("said", spawn=None if verify else [StepSpec("b", agent="test.child")])
    step = StepSpec("a", agent=AGENT, retry=SOON, verify=verify)

    run, word = _perform(outage, step, outage.during(attempt, said), attempts=attempt)

    assert _outcomes(run)[-1] == ("answered", "")
    assert (word, step_of(run, "a").status, step_of(run, grown).status) == ("wait", "waiting", "available")
    assert (len(outage.bodies), outage.noticed) == (attempt, 1)


@pytest.mark.parametrize(
    ("answer", "word", "ended"),
    [("said", "accept", ("answered", "")), (TransientError("again"), "retry", ("failed", "transient"))],
    ids=["answers", "fails"],
)
def test_a_retried_step_with_a_deadline_keeps_what_came_of_it(
    outage: Outage, answer: Any, word: str, ended: tuple[str, str]
) -> None:
    step = StepSpec("a", agent=AGENT, retry=SOON, deadline_seconds=600)

    run, said = _perform(outage, step, outage.during(2, answer), attempts=2)

    assert _outcomes(run) == [("failed", "transient"), ended]
    assert (said, outage.noticed) == (word, 1)


def test_the_ticket_of_a_doubtful_answer_is_planned_when_the_database_is_back(outage: Outage) -> None:
    step = StepSpec("a", agent=AGENT, min_confidence=0.9)

    run, word = _perform(outage, step, outage.during(1, Result("said", confidence=0.5)))

    assert _outcomes(run) == [("answered", "")]
    assert (word, step_of(run, "a").status) == ("escalate", "held")
    assert Ticket.objects.get(step=step_of(run, "a")).desk_note == ""
    assert (len(outage.bodies), outage.noticed) == (1, 1)


def test_an_answer_that_ends_its_run_is_kept(outage: Outage) -> None:
    answer = outage.during(1, "said")

    def answer_elsewhere(task: Task) -> Any:
        load_plan.cache_clear()  # as in a worker that reads this plan for the first time
        return answer(task)

    run, word = _perform(outage, StepSpec("a", agent=AGENT, ends_run=True), answer_elsewhere)

    assert _outcomes(run) == [("answered", "")]
    assert (word, Run.objects.get(pk=run.pk).status) == ("accept", "succeeded")
    assert (len(outage.bodies), outage.noticed) == (1, 1)


def test_a_step_whose_agent_is_kept_away_waits_for_it(
    outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_away = admission.keep_away
    fail(AGENT, times=6)

    def and_then_away(claim: Any) -> Any:
        kept = keep_away(claim)
        outage.begin()
        return kept

    monkeypatch.setattr(pipeline, "keep_away", and_then_away)
    run, word = _perform(outage, StepSpec("a", agent=AGENT), lambda _: "never")

    assert _outcomes(run) == [("kept_away", "breaker_open")]
    assert (word, waits(run), outage.noticed) == ("wait", {"a": "breaker"}, 1)


@pytest.mark.parametrize("stage", ["prepare", "keep_away"])
def test_what_is_to_be_known_before_the_call_is_asked_again(
    outage: Outage, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    act: Any = getattr(pipeline, stage)

    def begin_and_act(claim: Any, *rest: Any) -> Any:
        if claim.attempt == 2 and not outage.noticed:
            outage.begin()
        return act(claim, *rest)

    def fail_once(task: Task) -> str:
        outage.bodies.append((task.step_key, task.attempt))
        if task.attempt == 1:
            raise TransientError("not yet")
        return "said"

    monkeypatch.setattr(pipeline, stage, begin_and_act)
    run, word = _perform(outage, StepSpec("a", agent=AGENT, retry=SOON), fail_once, attempts=2)

    assert _outcomes(run) == [("failed", "transient"), ("answered", "")]
    assert (word, outage.bodies, outage.noticed) == ("accept", [("a", 1), ("a", 2)], 1)


def test_work_that_is_sent_back_late_goes_back(outage: Outage) -> None:
    rig = Rig.begin(graph({"top": (), "a": ["top"]}, max_reworks=1))
    rig.work_through("top")
    claim = rig.take("a")
    spec, late = get_step_spec(claim), replace(claim, deadline_at=claim.claimed_at - timedelta(hours=1))
    outage.begin()

    word = in_thread(
        lambda: conclude_surely(late, spec, Facts(), SentBack("top", ("thin",), AGENT, 1))
    ).result(20)
    outage.end()

    assert (word.decision.kind, outage.noticed) == ("rework", 1)
    assert rig.statuses() == {"top": "available", "a": "pending"}
