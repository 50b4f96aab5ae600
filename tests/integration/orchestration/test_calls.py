"""What an agent calls once: made once whatever becomes of the attempt, answered from its row, and proven."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from agents import PermanentError, Result, Task, TransientError
from agents.domain.calls import Begun, CallKind, Calls, CallWish
from agents.domain.usage import CallUsage
from agents.errors import CallDiverged
from escalation import escrow
from escalation.models import Ticket
from orchestration import Budget, Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain.receipts import digest_text
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ClaimLost
from orchestration.executor.journal import ClaimJournal
from orchestration.journal.writing import end_call
from orchestration.maintenance import leader
from orchestration.models import Call, CallTry, Receipt, Step
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.orchestration.judge_budgets import judge_budgets
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db

_AT_ONCE = Retry(backoff_base_seconds=0, jitter_seconds=0)
_NAME = "test.caller"


class Outside:
    """What calls reach: counts each."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()

    def call(self, name: str, answer: Any = None) -> Any:
        self.made[name] += 1
        return {"name": name, "answer": answer}


def _run(agent: Callable[[Task], Any], **fields: Any) -> FinishedRun:
    spec = WorkflowSpec(name="calls", steps=(StepSpec("work", agent=_NAME, retry=_AT_ONCE, **fields),))
    return run_workflow(spec, agents={_NAME: agent, "test.other": lambda _task: "another"})


def _decide(done: FinishedRun, kind: ResolutionKind, **more: Any) -> None:
    ticket = Ticket.objects.get(run=done.run, status="open")
    person, _ = User.objects.get_or_create(username="ada", is_superuser=True)
    held = escrow.claim_ticket(ticket.pk, person)
    escrow.resolve_ticket(
        ticket.pk,
        person,
        kind=kind,
        claim_number=held.claim_number,
        seen_digest=held.seen_digest,
        **more,
    )


@pytest.mark.parametrize("is_async", [False, True])
def test_a_retry_pays_for_no_call_that_was_done(is_async: bool) -> None:
    outside = Outside()

    def work(task: Task) -> Any:
        said = [task.once(f"part-{n}", outside.call, f"part-{n}", n) for n in range(5)]
        if task.attempt < 3:
            raise TransientError("the line is down")
        return said

    async def work_awaited(task: Task) -> Any:
        said = [await task.once(f"part-{n}", outside.call, f"part-{n}", n) for n in range(5)]
        if task.attempt < 3:
            raise TransientError("the line is down")
        return said

    done = _run(work_awaited if is_async else work)
    assert done.status == "succeeded"
    assert done.outputs["work"] == [{"name": f"part-{n}", "answer": n} for n in range(5)]
    assert outside.made == {f"part-{n}": 1 for n in range(5)}
    assert done.steps["work"].attempt == 3
    assert [(call.path, call.state, call.tries.count()) for call in Call.objects.order_by("pk")] == [
        (f"part-{n}#1", "done", 1) for n in range(5)
    ]
    assert runs.verify(done.run.pk).fault is None


def test_a_call_that_failed_is_made_again_under_the_same_key() -> None:
    keys: list[str] = []

    def charge(idempotency_key: str) -> str:
        keys.append(idempotency_key)
        if len(keys) == 1:
            raise TransientError("no answer from the bank")
        return "charged"

    done = _run(lambda task: task.once("charge", charge))
    assert done.outputs["work"] == "charged"
    [call] = Call.objects.all()
    assert keys == [f"{done.run.pk}:work:1.0:charge#1"] * 2
    assert [(each.number, each.attempt, each.state) for each in call.tries.all()] == [
        (1, 1, "failed"),
        (2, 2, "done"),
    ]
    assert "no answer from the bank" in call.tries.all()[0].error


@pytest.mark.parametrize("swallows", [False, True])
def test_other_arguments_than_before_go_to_a_person(swallows: bool) -> None:
    outside = Outside()

    def work(task: Task) -> Any:
        try:
            task.once("charge", outside.call, "charge", task.attempt)
        except CallDiverged:
            if not swallows:
                raise
            return "made light of it"
        raise TransientError("down")

    done = _run(work, critical=False, fallback=("test.other",))
    assert done.held == ["work"]
    decision = done.steps["work"].decisions.latest("pk")
    assert (decision.rule, decision.kind) == ("journal_diverged", "escalate")
    assert "charge#1" in decision.reason
    assert outside.made == {"charge": 1}
    _decide(done, ResolutionKind.SKIP)
    assert runs.verify(done.run.pk).fault is None


def test_an_answer_that_can_not_be_read_any_more_goes_to_a_person_whatever_the_agent_makes_of_it() -> None:
    def work(task: Task) -> Any:
        try:
            said = task.once("ask", lambda: "said")
        except CallDiverged as fault:
            return str(fault)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE orchestration_call DISABLE TRIGGER USER")
            cursor.execute("UPDATE orchestration_call SET response_json = '{broken'")
        raise TransientError(said)

    done = _run(work)
    assert done.held == ["work"]
    decision = done.steps["work"].decisions.latest("pk")
    assert decision.rule == "journal_diverged"
    assert "can't be read any more" in decision.reason


def test_a_call_that_failed_is_not_made_with_other_arguments_either() -> None:
    """It may have got there: what it asked for then is not what it asks for now."""
    made: list[int] = []

    def charge(euro: int) -> None:
        made.append(euro)
        raise TransientError("no answer from the bank")

    done = _run(lambda task: task.once("charge", charge, task.attempt))
    assert done.steps["work"].decisions.latest("pk").rule == "journal_diverged"
    assert made == [1]
    assert [(each.attempt, each.state) for each in CallTry.objects.all()] == [(1, "failed")]


def test_a_receipt_commits_to_what_was_called_and_to_nothing_where_nothing_was() -> None:
    done = _run(lambda task: task.once("ask", lambda: "said"))
    body = Receipt.objects.get(step=done.steps["work"]).body_json
    assert '"calls":{"digest":' in body
    plain = _run(lambda _task: 1)
    assert "calls" not in Receipt.objects.get(step=plain.steps["work"]).body_json


@pytest.mark.parametrize("column", ["request_json", "response_json", "path", "name", "journal", "state"])
def test_whatever_is_changed_of_a_call_breaks_the_proof(column: str) -> None:
    done = _run(lambda task: task.once("ask", lambda one: one, 7))
    changed: dict[str, Any] = {"journal": 1, "path": "ask#2", "name": "asked", "state": "begun"}
    more = ", response_json = NULL, ended_at = NULL" if column == "state" else ""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orchestration_call DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE orchestration_call SET {column} = %s{more}", [changed.get(column, "[8]")])
    fault = runs.verify(done.run.pk).fault
    assert fault is not None
    assert "work" in fault


def test_a_call_is_answered_once_and_never_goes_away() -> None:
    _run(lambda task: task.once("ask", lambda: 1))
    for statement in (
        "UPDATE orchestration_call SET response_json = '2'",
        "UPDATE orchestration_calltry SET state = 'lost'",
        "DELETE FROM orchestration_calltry",
        "DELETE FROM orchestration_call",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_work_that_is_done_anew_calls_anew_and_both_are_proven() -> None:
    outside = Outside()

    def work(task: Task) -> Any:
        return Result(task.once("draft", outside.call, "draft", task.feedback), confidence=0.1)

    done = _run(work, min_confidence=0.9)
    _decide(done, ResolutionKind.SEND_BACK, feedback="shorter")
    done = drive(done.run.pk, agents={_NAME: work})
    assert outside.made == {"draft": 2}
    assert list(Call.objects.values_list("journal", "path").order_by("journal")) == [
        (0, "draft#1"),
        (1, "draft#1"),
    ]
    _decide(done, ResolutionKind.APPROVE)
    done = drive(done.run.pk)
    assert done.outputs["work"]["answer"] == "shorter"
    assert runs.verify(done.run.pk).fault is None


def test_a_fallback_agent_finds_what_was_called_before_it() -> None:
    outside = Outside()

    def first(task: Task) -> Any:
        task.once("charge", outside.call, "charge", 5)
        raise PermanentError("can't go on")

    spec = WorkflowSpec(name="falls", steps=(StepSpec("work", agent=_NAME, fallback=("test.other",)),))
    agents = {_NAME: first, "test.other": lambda task: task.once("charge", outside.call, "charge", 5)}
    done = run_workflow(spec, agents=agents)
    assert done.outputs["work"] == {"name": "charge", "answer": 5}
    assert outside.made == {"charge": 1}


def test_a_call_inside_a_transaction_of_the_agents_is_refused() -> None:
    def work(task: Task) -> Any:
        with transaction.atomic():
            return task.once("charge", lambda: 1)

    done = _run(work)
    attempt = done.steps["work"].attempts.get()
    assert attempt.error_class.endswith("CallRefused")
    assert "transaction.atomic()" in attempt.error_message
    assert not Call.objects.exists()


def test_another_thread_is_refused_where_it_would_not_see_the_run() -> None:
    def work(task: Task) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(task.once, "aside", int).result()

    done = _run(work)
    assert done.held == ["work"]
    assert "on a thread of its own" in done.steps["work"].reason
    assert "django_db(transaction=True)" in done.steps["work"].reason


def test_more_calls_or_answers_than_one_attempt_may_have_are_its_failure(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "CALLS_PER_ATTEMPT": 3}
    done = _run(lambda task: [task.once("part", lambda: 1) for _ in range(4)])
    assert done.steps["work"].decisions.get().rule == "limit"
    assert Call.objects.count() == 3

    settings.RINGMASTER = {**settings.RINGMASTER, "CALL_BYTES_PER_ATTEMPT": 10}

    def work(task: Task) -> Any:
        task.once("long", lambda: "x" * 50)
        raise TransientError("down")

    done = _run(work)
    assert done.steps["work"].decisions.latest("pk").rule == "limit"


def test_calls_at_once_and_within_each_other_resume_where_they_were() -> None:
    outside = Outside()

    async def work(task: Task) -> Any:
        async def agent(number: int) -> Any:
            one = await task.once("model", outside.call, f"model-{number}", number)
            return [one, await task.once("tool", outside.call, f"tool-{number}", number)]

        parts = await asyncio.gather(*(task.once("agent", agent, n, key=str(n)) for n in range(3)))
        if task.attempt == 1:
            raise TransientError("down")
        return [parts, await task.once("model", outside.call, "last")]

    done = _run(work)
    assert done.status == "succeeded"
    assert set(outside.made.values()) == {1}
    assert len(outside.made) == 7
    assert Call.objects.count() == 10


@pytest.fixture
def rig() -> Rig:
    return Rig.begin(graph({"work": ()}))


def _journal(rig: Rig, attempt_of: Any = None) -> tuple[Any, ClaimJournal]:
    claim = attempt_of or rig.take("work")
    return claim, ClaimJournal(claim, has_calls=True)


def _ask(journal: ClaimJournal, answer: Any = "said", name: str = "ask") -> Any:
    return Task({}, {}, {}, "r", "work", 1, "t", "k", calls=Calls(journal)).once(name, lambda: answer)


def test_who_lost_its_claim_begins_and_ends_no_call_and_what_it_paid_is_told(rig: Rig) -> None:
    claim, journal = _journal(rig)

    def lose_meanwhile() -> str:
        rig.free(claim)
        return "too late"

    task = Task({}, {}, {}, "r", "work", 1, "t", "k", calls=Calls(journal))
    with pytest.raises(ClaimLost):
        task.once("ask", lose_meanwhile)
    assert CallTry.objects.get().state == "lost"
    with pytest.raises(ClaimLost):
        _ask(journal, name="another")
    assert Call.objects.count() == 1

    again, journal = _journal(rig)
    assert _ask(journal) == "said"
    assert [(each.attempt, each.state) for each in Call.objects.get().tries.all()] == [
        (1, "lost"),
        (2, "done"),
    ]
    rig.finish(again, "said")


def test_a_beginning_or_an_end_whose_answer_was_lost_is_written_once(rig: Rig) -> None:
    claim, journal = _journal(rig)
    task = Task({}, {}, {}, "r", "work", 1, "t", "k", calls=Calls(journal))

    def begin_again() -> str:
        ClaimJournal(claim, has_calls=True).begin(_wish_of(Call.objects.get()))
        return "said"

    assert task.once("ask", begin_again) == "said"
    assert CallTry.objects.count() == 1
    call = Call.objects.get()
    with pytest.raises(ClaimLost):  # a second end finds nothing to change; the journal reads that it was ours
        end_call(claim, call.pk, response_json='"said"', response_digest=digest_text('"said"'))


def test_what_a_call_used_is_kept_with_its_answer_and_what_failed_cost_all_the_same(rig: Rig) -> None:
    wish = CallWish("ask#1", CallKind.ONCE, "ask", "[]")
    used = CallUsage(120, 30, 80, 5, 20, 1_500, "openai", "gpt-5", "resp-1", "stop")
    claim, journal = _journal(rig)
    begun = journal.begin(wish)
    assert isinstance(begun, Begun)
    journal.fail(wish, begun, TransientError("cut off"), CallUsage(120, 7, cost_micro_usd=900))
    rig.free(claim)
    _, journal = _journal(rig)
    begun = journal.begin(wish)
    assert isinstance(begun, Begun)
    journal.end(wish, begun, '"said"', used)
    call = Call.objects.get()
    assert call.usage == used
    assert [(each.state, each.tokens, each.cost_usd) for each in call.tries.all()] == [
        ("failed", 127, "0.0009"),
        ("done", 150, "0.0015"),
    ]


def test_a_try_that_failed_answers_nothing_any_more(rig: Rig) -> None:
    wish = CallWish("ask#1", CallKind.MODEL, "ask", "[]")
    _, journal = _journal(rig)
    begun = journal.begin(wish)
    assert isinstance(begun, Begun)
    journal.fail(wish, begun, TransientError("cut off"))
    with pytest.raises(ClaimLost):
        journal.end(wish, begun, '"said"')
    assert (Call.objects.get().state, CallTry.objects.get().state) == ("begun", "failed")


def _wish_of(call: Call) -> CallWish:
    return CallWish(call.path, CallKind(call.kind), call.name, call.request_json)


def test_who_frees_a_step_tells_in_the_same_statement_what_was_under_way(rig: Rig) -> None:
    claim, journal = _journal(rig)
    journal.begin(CallWish("ask#1", CallKind.ONCE, "ask", "[]"))
    rig.free(claim)
    lost = CallTry.objects.get()
    assert (lost.state, lost.ended_at) == (
        "lost",
        Step.objects.get(pk=claim.step_id).attempts.get().finished_at,
    )


def _sweep() -> None:
    for duty in leader._DUTIES:
        duty()


def test_what_is_left_under_way_by_who_is_gone_is_told_as_lost(rig: Rig) -> None:
    claim, journal = _journal(rig)
    journal.begin(CallWish("ask#1", CallKind.ONCE, "ask", "[]"))
    _sweep()
    assert CallTry.objects.get().state == "begun"
    Step.objects.filter(pk=claim.step_id).update(token="00000000-0000-4000-8000-000000000000")
    _sweep()
    assert CallTry.objects.get().state == "lost"


def test_an_attempt_whose_calls_can_not_be_read_ends_at_once_as_the_engines_fault() -> None:
    with patch.object(ClaimJournal, "summarise", side_effect=RuntimeError("odd row")):
        done = _run(lambda task: task.once("ask", lambda: 1))
    decision = done.steps["work"].decisions.get()
    assert (decision.rule, done.held) == ("engine_fault", ["work"])
    assert "reading its calls" in decision.reason


def test_names_and_arguments_that_can_not_be_kept_fail_with_words() -> None:
    done = _run(lambda task: task.once("ask", lambda one: one, object()))
    attempt = done.steps["work"].attempts.get()
    assert "argument /0" in attempt.error_message
    assert not Call.objects.exists()


async def _pay_awaited(task: Task, pay: Callable[[], Any]) -> Any:
    async def body() -> Any:
        return [pay(), await task.once("look", int)]

    return await task.once("pay", body, repeatable=False)


def _pay(task: Task, pay: Callable[[], Any]) -> Any:
    return task.once("pay", lambda: [pay(), task.once("look", int)], repeatable=False)


@pytest.mark.parametrize("agent", [_pay, _pay_awaited])
def test_a_call_within_which_something_waits_is_withdrawn_and_nobody_doubts_it(
    agent: Callable[[Task, Callable[[], Any]], Any],
) -> None:
    outside = Outside()
    spec = WorkflowSpec(name="calls", steps=(StepSpec("work", agent=_NAME),))
    agents = {_NAME: lambda task: agent(task, lambda: outside.call("pay"))}
    done = run_workflow(spec, agents=agents, budget=Budget(calls=1))
    assert done.held == ["work"]
    decision = done.steps["work"].decisions.latest("pk")
    assert (decision.rule, "may need 2 calls, and 1 call" in decision.reason) == ("budget", True)
    pot = done.run.pots.get()
    assert (pot.reserved, pot.spent, pot.lost) == (0, 0, 0)
    judge_budgets()
    assert [(each.state, each.error) for each in CallTry.objects.all()] == [
        ("withdrawn", "something within it waits")
    ]
    runs.top_up(done.run.pk, calls=1)
    done = drive(done.run.pk, agents=agents)
    assert done.outputs["work"] == [{"name": "pay", "answer": None}, 0]
    assert [(each.call.path, each.state) for each in CallTry.objects.order_by("pk")] == [
        ("pay#1", "withdrawn"),
        ("pay#1", "done"),
        ("pay#1/look#1", "done"),
    ]
    pot.refresh_from_db()
    assert (pot.reserved, pot.spent, pot.lost) == (0, 2, 0)
    judge_budgets()
