"""An effect under the idempotency key is made once, however often the step tries again; anew only where work is."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from agents import PermanentError, Result, Task
from escalation import escrow
from escalation.models import Ticket
from escalation.selectors import foresee_send_back
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.anew import Anew
from orchestration.domain.states import ResolutionKind
from orchestration.models import Step
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_COLLECTED_BYTES": 1_000_000}


_Agent = Callable[[Task], Any]
_PAY = "test.pay"


class _Bank:
    """Charges once per key. `loses`: the errors that its first answers are lost to."""

    def __init__(self, *loses: Exception, answer: Any = "paid") -> None:
        self.charges: list[str] = []
        self.bodies = 0
        self._loses = list(loses)
        self._answer = answer

    def __call__(self, task: Task) -> Any:
        self.bodies += 1
        if task.idempotency_key not in self.charges:
            self.charges.append(task.idempotency_key)
        if self._loses:
            raise self._loses.pop(0)
        return self._answer


def _start(agent: _Agent, given: dict[str, Any] | None = None, **fields: Any) -> FinishedRun:
    spec = WorkflowSpec(name="pays", steps=(StepSpec("pay", agent=_PAY, **fields),))
    return run_workflow(spec, given or {}, agents={_PAY: agent})


def _decide(done: FinishedRun, kind: ResolutionKind, **more: Any) -> Ticket:
    ticket = Ticket.objects.get(run=done.run, status="open")
    person, _ = User.objects.get_or_create(username="ada", is_superuser=True)
    held = escrow.claim_ticket(ticket.pk, person)
    return escrow.resolve_ticket(
        ticket.pk,
        person,
        kind=kind,
        claim_number=held.claim_number,
        seen_digest=held.seen_digest,
        **more,
    )


@pytest.mark.parametrize("lost", [RuntimeError("lost"), PermanentError("lost"), ValueError("lost")])
def test_what_failed_after_its_effect_keeps_its_key_over_a_send_back(lost: Exception) -> None:
    bank = _Bank(lost)
    done = _start(bank)
    assert foresee_send_back(Ticket.objects.get(run=done.run)) is Anew.SAME_KEY
    _decide(done, ResolutionKind.SEND_BACK, feedback="ask again")
    done = drive(done.run.pk, agents={_PAY: bank})

    assert (done.status, bank.bodies, len(bank.charges)) == ("succeeded", 2, 1)
    assert done.steps["pay"].revision == 1
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize("lost", [RuntimeError("lost"), PermanentError("lost")])
def test_what_failed_after_its_effect_keeps_its_key_over_a_new_round(lost: Exception) -> None:
    bank = _Bank(lost, lost)
    done = _start(bank, on_failure="abort")
    for _ in range(2):
        assert done.status == "failed"
        runs.retry(done.run.pk)
        done = drive(done.run.pk, agents={_PAY: bank})

    assert (done.status, done.run.round, bank.bodies, len(bank.charges)) == ("succeeded", 3, 3, 1)
    assert runs.verify(done.run.pk).fault is None


def test_what_was_cancelled_in_hand_keeps_its_key() -> None:
    bank = _Bank()

    def pay(task: Task) -> Any:
        answer = bank(task)
        if bank.bodies == 1:
            runs.cancel(task.run_id, reason="an operator")
        return answer

    done = _start(pay)
    assert (done.status, done.steps["pay"].status) == ("cancelled", "cancelled")
    runs.retry(done.run.pk)
    done = drive(done.run.pk, agents={_PAY: pay})

    assert (done.status, bank.bodies, len(bank.charges)) == ("succeeded", 2, 1)


def test_a_held_failure_that_is_aborted_and_retried_keeps_its_key() -> None:
    bank = _Bank(RuntimeError("lost"))
    done = _start(bank)
    _decide(done, ResolutionKind.ABORT)
    runs.retry(done.run.pk)

    assert drive(done.run.pk, agents={_PAY: bank}).status == "succeeded"
    assert (bank.bodies, len(bank.charges)) == (2, 1)


def test_a_proposal_that_a_person_sends_back_is_made_anew() -> None:
    bank = _Bank(answer=Result("paid", confidence=0.1))
    done = _start(bank)
    assert foresee_send_back(Ticket.objects.get(run=done.run)) is Anew.NEW_KEY
    _decide(done, ResolutionKind.SEND_BACK, feedback="less")
    drive(done.run.pk, agents={_PAY: bank})

    assert (bank.bodies, len(bank.charges)) == (2, 2)


def test_a_failure_of_a_revision_keeps_the_key_of_that_revision() -> None:
    bank = _Bank(answer=Result("paid", confidence=0.1))
    done = _start(bank)
    _decide(done, ResolutionKind.SEND_BACK, feedback="less")
    second = _Bank(RuntimeError("lost"))
    done = drive(done.run.pk, agents={_PAY: second})
    _decide(done, ResolutionKind.SEND_BACK, feedback="again")
    done = drive(done.run.pk, agents={_PAY: second})

    assert done.status == "succeeded"
    assert (second.bodies, len(second.charges)) == (2, 1)
    assert not set(second.charges) & set(bank.charges)
    assert runs.verify(done.run.pk).fault is None


def test_a_proposal_that_a_person_refused_is_made_anew_in_the_next_round() -> None:
    bank = _Bank(answer=Result("paid", confidence=0.1))
    done = _start(bank)
    _decide(done, ResolutionKind.ABORT)
    runs.retry(done.run.pk)
    drive(done.run.pk, agents={_PAY: bank})

    assert (bank.bodies, len(bank.charges)) == (2, 2)


def test_what_verifiers_send_back_is_made_anew() -> None:
    bank = _Bank()
    verdicts = ["FAIL", "PASS"]
    spec = WorkflowSpec(
        name="verified", steps=(StepSpec("pay", agent=_PAY, verify=Verify("test.judge", max_revisions=1)),)
    )
    judge = lambda _task: {"verdict": verdicts.pop(0), "reasons": ["too much"]}  # noqa: E731 - a fake
    done = run_workflow(spec, agents={_PAY: bank, "test.judge": judge})

    assert (done.status, bank.bodies, len(bank.charges)) == ("succeeded", 2, 2)


def test_rework_gives_new_keys_to_what_was_done_and_keeps_those_of_what_was_not() -> None:
    """`late` failed after its effect and is held when the critic sends `draft` back; what was never done goes on."""
    draft, late = _Bank(), _Bank(RuntimeError("lost"))
    asked: list[str] = []

    def criticise(task: Task) -> Any:
        asked.append(task.idempotency_key)
        return Result.rework("draft", ["thin"]) if len(asked) == 1 else "good"

    steps = (
        StepSpec("draft", agent="test.draft"),
        StepSpec("late", agent="test.late", needs=("draft",)),
        StepSpec("critic", agent="test.critic", needs=("draft",)),
    )
    agents: dict[str, _Agent] = {"test.draft": draft, "test.late": late, "test.critic": criticise}
    done = run_workflow(WorkflowSpec(name="reworks", steps=steps), agents=agents)

    assert done.status == "succeeded"
    assert (draft.bodies, len(draft.charges)) == (2, 2)
    assert (late.bodies, len(late.charges)) == (2, 1)
    assert len(set(asked)) == 2
    assert runs.verify(done.run.pk).fault is None


def test_items_of_a_cancelled_run_keep_their_keys() -> None:
    bank = _Bank()

    def pay(task: Task) -> Any:
        answer = bank(task)
        if bank.bodies == 2:
            runs.cancel(task.run_id, reason="an operator")
        return answer

    done = _start(pay, {"n": [1, 2, 3]}, for_each="input.n")
    assert done.status == "cancelled"
    runs.retry(done.run.pk)
    done = drive(done.run.pk, agents={_PAY: pay})

    assert (done.status, bank.bodies, len(bank.charges)) == ("succeeded", 4, 3)


def test_what_a_step_spawned_stays_done_when_it_could_not_be_put_together() -> None:
    """Sent back, the step only collects again; nobody is called, and nothing is charged twice."""
    plans, bank = [], _Bank(answer="x" * 600_000)

    def plan(task: Task) -> Any:
        plans.append(task.idempotency_key)
        return Result({"plan": 1}, spawn=[StepSpec("a", agent=_PAY), StepSpec("b", agent=_PAY)])

    spec = WorkflowSpec(name="spawns", steps=(StepSpec("plan", agent="test.plan"),))
    agents: dict[str, _Agent] = {"test.plan": plan, _PAY: bank}
    done = run_workflow(spec, agents=agents)
    assert done.held == ["plan"]
    assert foresee_send_back(Ticket.objects.get(run=done.run)) is Anew.COLLECTS
    _decide(done, ResolutionKind.SEND_BACK, feedback="again")
    done = drive(done.run.pk, agents=agents)

    assert (done.held, len(plans), bank.bodies) == (["plan"], 1, 2)
    assert Step.objects.get(pk=done.steps["plan"].pk).children.count() == 2
    _decide(done, ResolutionKind.EDIT, output={"short": True})
    done = drive(done.run.pk, agents=agents)
    assert (done.status, done.outputs["plan"]) == ("succeeded", {"short": True})
    assert runs.verify(done.run.pk).fault is None


def test_an_aborted_collection_is_put_together_in_the_next_round() -> None:
    bank = _Bank(answer="x" * 600_000)
    done = _start(bank, {"n": [1, 2]}, for_each="input.n")
    assert done.held == ["pay"]
    _decide(done, ResolutionKind.ABORT)
    runs.retry(done.run.pk)
    done = drive(done.run.pk, agents={_PAY: bank})

    assert (done.held, bank.bodies) == (["pay"], 2)
    assert runs.verify(done.run.pk).fault is None
