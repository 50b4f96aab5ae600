"""Budgets: what a call reserves, settles and loses in every pot above it, and how a step goes on with too little."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from agents import Task, TransientError
from agents.domain.calls import Begun, CallKind, CallWish
from agents.domain.usage import CallUsage, Reservation
from agents.errors import Suspended
from agents.invoke import override
from escalation import escrow
from escalation.models import Ticket
from orchestration import Budget, Retry, StepSpec, WorkflowSpec, runs
from orchestration.budgets import load_path
from orchestration.domain.states import ResolutionKind
from orchestration.errors import InputInvalid, ResolutionRefused, RunFinal, StepNotFound
from orchestration.executor.journal import ClaimJournal
from orchestration.maintenance import leader
from orchestration.models import AgentContext, Call, CallTry, Event, Pot, Step
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.orchestration.judge_budgets import judge_budgets

pytestmark = pytest.mark.django_db

_AT_ONCE = Retry(backoff_base_seconds=0, jitter_seconds=0)
_NAME = "test.caller"


@pytest.fixture(autouse=True)
def _judge() -> Any:
    yield
    judge_budgets()


def _steps(*steps: StepSpec) -> WorkflowSpec:
    return WorkflowSpec(name="budgets", steps=steps)


def _one(**fields: Any) -> WorkflowSpec:
    return _steps(StepSpec("work", agent=_NAME, retry=_AT_ONCE, **fields))


def _model(
    task: Task,
    name: str,
    most: Reservation,
    used: CallUsage | None = None,
    error: Exception | None = None,
) -> None:
    """Make a call as a runtime of models does: with what it may need at most, and what it used."""
    wish = CallWish(f"{name}#1", CallKind.ONCE, name, "[]")
    begun = task.calls.journal.begin(wish, most)
    if not isinstance(begun, Begun):
        return
    if error is not None:
        task.calls.journal.fail(wish, begun, error, used)
        raise error
    task.calls.journal.end(wish, begun, '"said"', used)


def _amounts(pot: Pot) -> tuple[int, int, int, int]:
    return pot.reserved, pot.spent, pot.lost, pot.overrun


def _pots(run: Any) -> dict[str, tuple[int, int, int, int]]:
    return {pot.unit: _amounts(pot) for pot in Pot.objects.filter(run=run, step=None)}


def test_a_call_reserves_its_most_and_settles_what_it_used() -> None:
    seen: list[Any] = []

    def work(task: Task) -> str:
        wish = CallWish("ask#1", CallKind.ONCE, "ask", "[]")
        begun = task.calls.journal.begin(wish, Reservation(1_000, 50_000))
        assert isinstance(begun, Begun)
        seen.append((_pots(task.run_id), task.budget.tokens))
        task.calls.journal.end(wish, begun, '"said"', CallUsage(100, 20, cost_micro_usd=1_500))
        seen.append(task.budget.tokens)
        return str(task.once("look", lambda: "up"))

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(usd="1.00", tokens=5_000, calls=9))
    assert done.status == "succeeded"
    assert seen == [
        ({"micro_usd": (50_000, 0, 0, 0), "tokens": (1_000, 0, 0, 0), "calls": (1, 0, 0, 0)}, 4_000),
        4_880,
    ]
    assert _pots(done.run) == {"micro_usd": (0, 1_500, 0, 0), "tokens": (0, 120, 0, 0), "calls": (0, 2, 0, 0)}


def test_what_can_not_be_known_counts_in_full_and_what_is_known_of_a_failure_is_what_it_cost() -> None:
    def work(task: Task) -> str:
        _model(task, "silent", Reservation(100, 10))
        if task.attempt == 1:
            _model(
                task, "cut", Reservation(100, 10), CallUsage(30, 0, cost_micro_usd=3), TransientError("cut")
            )
        if task.attempt == 2:
            _model(task, "lost", Reservation(200, 20), None, TransientError("no answer"))
        return "done"

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(usd="1", tokens=5_000, calls=9))
    assert _pots(done.run) == {
        "tokens": (0, 130, 200, 0),
        "micro_usd": (0, 13, 20, 0),
        "calls": (0, 3, 0, 0),
    }


def test_what_was_billed_beyond_the_most_is_spent_up_to_the_limit_and_told_beyond() -> None:
    def work(task: Task) -> str:
        _model(task, "ask", Reservation(10, 0), CallUsage(200, 0))
        return "done"

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(tokens=150))
    assert _pots(done.run) == {"tokens": (0, 150, 0, 50)}


def test_the_database_itself_refuses_overspending_and_keeps_pots() -> None:
    done = run_workflow(_one(), agents={_NAME: lambda _: 1}, budget=Budget(tokens=10))
    pots = Pot.objects.filter(run=done.run)
    for change in ({"spent": 11}, {"reserved": 5, "lost": 6}, {"reserved": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            pots.update(**change)
    with pytest.raises(Exception, match="kept"), transaction.atomic():
        pots.delete()


def test_a_run_without_a_budget_asks_for_none() -> None:
    done = run_workflow(_one(), agents={_NAME: lambda task: task.once("ask", lambda: task.budget.tokens)})
    assert done.outputs["work"] is None
    assert not Pot.objects.exists()
    assert not AgentContext.objects.get(run=done.run).has_budget
    assert CallTry.objects.get().pots is None


def _held(budget: Budget = Budget(calls=2), **fields: Any) -> FinishedRun:  # noqa: B008 - frozen
    return run_workflow(
        _one(**fields),
        agents={_NAME: lambda task: [task.once("part", lambda n=n: n) for n in range(4)]},
        budget=budget,
    )


def test_too_little_left_asks_a_person_once_and_a_top_up_lets_it_go_on_where_it_was() -> None:
    done = _held()
    assert (done.status, done.held) == ("running", ["work"])
    decision = done.steps["work"].decisions.latest("pk")
    assert (decision.rule, decision.kind) == ("budget", "escalate")
    assert decision.reason == "its next call may need 1 call, and 0 calls are left of the budget"
    assert Call.objects.count() == 2
    ada = User.objects.create_user("ada")
    runs.top_up(done.run.pk, calls=2, by=ada)
    ticket = Ticket.objects.get()
    assert (ticket.status, ticket.withdrawn_reason) == ("withdrawn", "the budget was topped up by ada")
    again = drive(
        done.run.pk, agents={_NAME: lambda task: [task.once("part", lambda n=n: n) for n in range(4)]}
    )
    assert again.outputs["work"] == [0, 1, 2, 3]
    assert CallTry.objects.count() == 4
    assert _pots(done.run) == {"calls": (0, 4, 0, 0)}
    assert Event.objects.get(run=done.run, kind="budget_topped_up").data_json.count("ada") == 1
    assert runs.verify(done.run.pk).fault is None


def test_an_agent_that_makes_light_of_it_fails_with_words() -> None:
    def work(task: Task) -> Any:
        try:
            return [task.once("part", lambda: 1) for _ in range(3)]
        except BaseException:  # noqa: BLE001 - as careless agents do
            with pytest.raises(Suspended):
                task.once("another", lambda: 1)
            return "made light of it"

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(calls=1))
    assert done.held == ["work"]
    assert "it waits for its budget" in done.steps["work"].attempts.get().error_message
    assert Call.objects.count() == 1


def test_a_step_that_says_so_aborts_instead_of_asking() -> None:
    done = _held(on_failure="abort")
    assert done.status == "failed"
    assert done.steps["work"].decisions.latest("pk").rule == "budget_abort"


def _decide(kind: ResolutionKind, **how: Any) -> None:
    ada, _ = User.objects.get_or_create(username="ada", is_superuser=True)
    ticket = Ticket.objects.get(status="open")
    held = escrow.claim_ticket(ticket.pk, ada)
    seen: dict[str, Any] = {"claim_number": held.claim_number, "seen_digest": held.seen_digest}
    escrow.resolve_ticket(ticket.pk, ada, kind=kind, **seen, **how)


def test_its_ticket_is_about_the_budget_and_says_what_is_missing() -> None:
    _held()
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.has_proposal) == ("budget", False)
    assert list(ticket.ways) == ["answer", "send_back", "skip", "close", "abort"]
    assert ticket.seen["question"] == (
        "The step stopped: its next call may need 1 call, and 0 calls are left of the budget. "
        "At least 1 call more: how much?"
    )
    assert ticket.seen["budget"] == {"unit": "calls", "needed": 1, "left": 0, "missing": 1}
    assert ticket.form is not None
    assert list(ticket.form["properties"]) == ["calls"]


def test_a_top_up_through_the_ticket_wakes_all_who_wait_for_that_budget() -> None:
    spec = _steps(*(StepSpec(key, agent=_NAME, retry=_AT_ONCE) for key in "abc"))
    agents = {_NAME: lambda task: task.once("ask", lambda: task.step_key)}
    done = run_workflow(spec, agents=agents, budget=Budget(calls=0))
    assert done.held == ["a"]
    for output, words in (
        ({"calls": 0}, "output/calls"),
        ({"usd": "1"}, "output"),
        ({"calls": "3"}, "output/calls"),
        (3, "output"),
        ({}, "output"),
    ):
        with pytest.raises(Exception, match=words):
            _decide(ResolutionKind.ANSWER, output=output)
    assert Pot.objects.get().limit == 0
    _decide(ResolutionKind.ANSWER, output={"calls": 3})
    after = drive(done.run.pk, agents=agents)
    assert sorted(after.outputs) == ["a", "b", "c"]
    told = json.loads(Event.objects.get(kind="budget_topped_up").data_json)
    assert (told["amounts"], told["by"]) == ({"calls": 3}, "ada")
    assert told["ticket"] == f"ticket-{Ticket.objects.get().pk}"
    assert Ticket.objects.get().status == "resolved"
    assert runs.verify(done.run.pk).fault is None


def test_an_amount_with_which_the_step_would_ask_again_is_refused() -> None:
    def work(task: Task) -> None:
        _model(task, "ask", Reservation(0, 3_000_000), CallUsage(1, 1, cost_micro_usd=1))

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(usd="1.00"))
    with pytest.raises(ResolutionRefused, match=r"output/usd: at least 2.00 US dollars more"):
        _decide(ResolutionKind.ANSWER, output={"usd": "1.99"})
    _decide(ResolutionKind.ANSWER, output={"usd": "2.00"})
    assert drive(done.run.pk, agents={_NAME: work}).status == "succeeded"


def test_the_agent_finishes_with_what_there_is_and_calls_nothing_again() -> None:
    made: list[int] = []

    def call(n: int) -> int:
        made.append(n)
        return n

    def work(task: Task) -> Any:
        parts: list[int] = []
        for n in range(4):
            if task.feedback and task.budget.is_tight and n == 2:
                return {"parts": parts, "told": task.feedback, "left": task.budget.calls}
            parts.append(task.once("part", call, n))
        return parts

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(calls=2))
    assert done.held == ["work"]
    _decide(ResolutionKind.SEND_BACK, feedback="two will do")
    after = drive(done.run.pk, agents={_NAME: work})
    assert after.outputs["work"] == {"parts": [0, 1], "told": "two will do", "left": 0}
    assert made == [0, 1]
    assert CallTry.objects.count() == 2


def test_a_person_may_also_end_it_in_another_way() -> None:
    done = _held()
    _decide(ResolutionKind.ABORT)
    assert drive(done.run.pk).status == "failed"


def test_one_ticket_for_each_budget_and_the_others_wait_for_it_and_go_on() -> None:
    spec = _steps(*(StepSpec(key, agent=_NAME, retry=_AT_ONCE) for key in "abc"))
    agents = {_NAME: lambda task: task.once("ask", lambda: task.step_key)}
    done = run_workflow(spec, agents=agents, budget=Budget(calls=0))
    assert done.held == ["a"]
    waiting = [done.steps[key] for key in "bc"]
    assert [(step.status, step.waits_for) for step in waiting] == [("available", "budget")] * 2
    assert {step.decisions.latest("pk").rule for step in waiting} == {"budget_asked"}
    _sweep()
    assert Step.objects.filter(waits_for="budget").count() == 2
    runs.top_up(done.run.pk, calls=2)
    after = drive(done.run.pk, agents=agents)
    assert sorted(after.outputs) == ["a", "b"]
    assert after.held == ["c"]
    assert Ticket.objects.filter(status="open").count() == 1
    runs.top_up(done.run.pk, calls=1)
    assert drive(done.run.pk, agents=agents).status == "succeeded"


def test_who_asked_and_is_over_leaves_the_question_to_the_next() -> None:
    spec = _steps(*(StepSpec(key, agent=_NAME, critical=False) for key in "ab"))
    agents = {_NAME: lambda task: task.once("ask", lambda: task.step_key)}
    done = run_workflow(spec, agents=agents, budget=Budget(calls=0))
    assert done.held == ["a"]
    runs.resolve_step(done.steps["a"].pk, kind=ResolutionKind.SKIP, actor="ada", resolution_id="1")
    _sweep()
    assert drive(done.run.pk, agents=agents).held == ["b"]


def _sweep() -> None:
    for duty in leader._DUTIES:
        duty()


def test_the_budget_of_a_for_each_is_the_pot_of_all_items_within_that_of_the_run() -> None:
    dig = StepSpec("dig", agent=_NAME, for_each="input.list", budget=Budget(calls=3), critical=True)
    agents = {_NAME: lambda task: task.once("ask", lambda: task.item)}
    done = run_workflow(
        _steps(dig), {"list": [1, 2, 3, 4]}, agents=agents, budget=Budget(calls=10, tokens=100)
    )
    assert done.held == ["dig[3]"]
    pots = {(pot.step and pot.step.key, pot.unit): pot for pot in Pot.objects.all()}
    assert {name: _amounts(pot) for name, pot in pots.items()} == {
        (None, "calls"): (0, 3, 0, 0),
        (None, "tokens"): (0, 0, 0, 0),
        ("dig", "calls"): (0, 3, 0, 0),
    }
    assert pots["dig", "calls"].parent == pots[None, "calls"]
    with pytest.raises(InputInvalid, match="tokens: the step has no limit of that to raise; it has of calls"):
        runs.top_up(done.run.pk, tokens=5, step="dig")
    runs.top_up(done.run.pk, calls=1, step="dig")
    assert drive(done.run.pk, agents=agents).outputs["dig"] == [1, 2, 3, 4]


def test_a_tree_of_three_levels_is_one_pot_within_another() -> None:
    agents = {_NAME: lambda task: task.once("ask", lambda: 1)}
    leaf = WorkflowSpec(name="leaf", steps=(StepSpec("leaf", agent=_NAME, for_each="input.list"),))
    down = StepSpec("down", workflow="leaf", input={"list": "[1, 2]"}, budget=Budget(calls=2))
    with override(agents):
        runs.publish(leaf)
        runs.publish(WorkflowSpec(name="branch", steps=(down,)))
    spec = _steps(
        StepSpec("left", workflow="branch", budget=Budget(calls=5)),
        StepSpec("right", workflow="branch"),
        StepSpec("own", agent=_NAME),
    )
    done = run_workflow(spec, agents=agents, budget=Budget(calls=10))
    assert done.status == "succeeded"
    told = [(pot.run.depth, pot.step and pot.step.key, pot.limit, pot.spent) for pot in Pot.objects.all()]
    assert sorted(told, key=str) == [
        (0, "left", 5, 2),
        (0, None, 10, 5),
        (1, "down", 2, 2),
        (1, "down", 2, 2),
    ]
    parents = {pot.pk: pot.parent_id for pot in Pot.objects.filter(step__key="down")}
    left, root = Pot.objects.get(step__key="left").pk, Pot.objects.get(step=None).pk
    assert set(parents.values()) == {root, left}
    lowest = Step.objects.filter(key="leaf[0]").order_by("pk")[0]
    assert [pot.limit for pot in load_path(lowest.pk)] == [10, 5, 2]


def test_what_was_under_way_when_a_claim_ended_is_lost_at_its_full_reservation() -> None:
    def work(task: Task) -> str:
        if task.attempt == 1:
            task.calls.journal.begin(CallWish("ask#1", CallKind.ONCE, "ask", "[]"), Reservation(100, 7))
            raise TransientError("gone")
        _model(task, "ask", Reservation(100, 7), CallUsage(10, 0, cost_micro_usd=1))
        return "done"

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(usd="1", tokens=1_000, calls=5))
    assert [each.state for each in CallTry.objects.order_by("pk")] == ["lost", "done"]
    assert _pots(done.run) == {"tokens": (0, 10, 100, 0), "micro_usd": (0, 1, 7, 0), "calls": (0, 1, 1, 0)}


def test_four_fifths_are_told_once_and_the_agent_sees_it() -> None:
    tight: list[bool] = []

    def work(task: Task) -> None:
        for n in range(10):
            task.once("part", lambda: 1)
            tight.append(task.budget.is_tight)
            assert task.budget.calls == 9 - n

    done = run_workflow(_one(), agents={_NAME: work}, budget=Budget(calls=10))
    assert tight == [False] * 7 + [True] * 3
    event = Event.objects.get(run=done.run, kind="budget_tight")
    assert '"unit" : "calls"' in event.data_json
    assert runs.verify(done.run.pk).fault is None


def test_a_fork_is_limited_as_the_run_was_and_has_spent_nothing() -> None:
    agents = {_NAME: lambda task: task.once("ask", lambda: 1)}
    done = run_workflow(_one(), agents=agents, budget=Budget(calls=3, usd="2.00"))
    fork = runs.fork(done.run.pk, "work")
    assert {pot.unit: (pot.limit, pot.spent) for pot in fork.pots.all()} == {
        "calls": (3, 0),
        "micro_usd": (2_000_000, 0),
    }


def test_a_top_up_is_refused_with_its_field() -> None:
    done = _held()
    for more, words in (
        ({}, "budget: name at least one"),
        ({"calls": 0}, "budget: name how much to add"),
        ({"usd": 1.5}, "budget.usd: 1.5 is no amount"),
        ({"usd": "1"}, "usd: the run has no limit of that to raise; it has of calls"),
    ):
        with pytest.raises(InputInvalid, match=words):
            runs.top_up(done.run.pk, **more)
    with pytest.raises(StepNotFound, match="no step 'nosuch'"):
        runs.top_up(done.run.pk, calls=1, step="nosuch")
    Pot.objects.update(limit=10**15 - 1)
    with pytest.raises(InputInvalid, match="no limit may be over 1,000,000,000,000,000"):
        runs.top_up(done.run.pk, calls=2)
    assert Pot.objects.get().limit == 10**15 - 1
    ended = run_workflow(_one(), agents={_NAME: lambda _: 1}, budget=Budget(calls=2)).run
    with pytest.raises(RunFinal, match="nothing to top up"):
        runs.top_up(ended.pk, calls=1)
    assert Pot.objects.get(run=ended).limit == 2


def test_what_was_done_is_undone_whatever_it_costs() -> None:
    def undo(task: Task) -> str:
        return str(task.once("undo", lambda: "undone"))

    spec = _steps(
        StepSpec("first", agent=_NAME, compensate="test.undo"),
        StepSpec("second", agent=_NAME, needs=("first",), on_failure="abort"),
    )
    agents = {_NAME: lambda task: task.once("do", lambda: "done"), "test.undo": undo}
    done = run_workflow(spec, agents=agents, budget=Budget(calls=1))
    assert done.status == "failed"
    assert Call.objects.get(name="undo").state == "done"
    assert _pots(done.run) == {"calls": (0, 1, 0, 0)}


def test_a_zombie_settles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(task: Task) -> str:
        if task.attempt > 1:
            return "done"
        wish = CallWish("ask#1", CallKind.ONCE, "ask", "[]")
        begun = task.calls.journal.begin(wish, Reservation(100))
        assert isinstance(begun, Begun)
        assert isinstance(task.calls.journal, ClaimJournal)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE orchestration_step SET token = gen_random_uuid() WHERE status = 'running'")
        task.calls.journal.end(wish, begun, '"late"', CallUsage(5))
        return "never"

    run_workflow(_one(), agents={_NAME: work}, budget=Budget(tokens=1_000))
    assert _amounts(Pot.objects.get()) == (0, 0, 5, 0)


def _command(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_commands_start_with_a_budget_show_it_and_top_it_up() -> None:
    with override({_NAME: lambda _: 1}):
        runs.publish(_one())
    run = _command("start_run", "budgets", "--budget", '{"usd": "2.00", "calls": 2}').splitlines()[0]
    drive(runs.get_run(run).pk, agents={_NAME: lambda task: [task.once("part", lambda: 1) for _ in range(3)]})
    shown = _command("show_budget", run)
    for words in ("2.00 US dollars", "2 calls  0 calls   2 calls  0 calls  0 calls", "work"):
        assert " ".join(words.split()) in " ".join(shown.split())
    told = json.loads(_command("show_budget", run, "--json"))
    assert [(pot["unit"], pot["limit"], pot["spent"], pot["is_tight"]) for pot in told["budgets"]] == [
        ("micro_usd", 2_000_000, 0, False),
        ("calls", 2, 2, True),
    ]
    assert told["steps"] == [
        {"run_id": run, "step_key": "work", "calls": 2, "tokens": 0, "micro_usd": 0, "lost_tokens": 0}
        | {"lost_micro_usd": 0}
    ]
    assert "4 calls" in _command("top_up", run, "--calls", "2")
    for arguments, words in (
        (("top_up", run, "--tokens", "5"), "--tokens: the run has no limit of that"),
        (("top_up", run, "--usd", "x"), "--usd: 'x' is no amount"),
        (("top_up", run), "--budget: name at least one"),
        (("start_run", "budgets", "--budget", '{"usd": 2.5}'), "--budget.usd: 2.5 is no amount"),
    ):
        with pytest.raises(CommandError, match=words):
            _command(*arguments)


def test_a_run_without_a_budget_is_told_how_to_get_one() -> None:
    done = run_workflow(_one(), agents={_NAME: lambda _: 1})
    assert "has no budget: give one when you start it" in _command("show_budget", str(done.run.pk))
