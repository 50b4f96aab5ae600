"""Handing on, closing without an answer, reasons, and what a rule may decide: each on the real engine."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import Result
from agents.domain.contract import AgentContract
from agents.domain.invocation import Failed
from agents.invoke import override
from escalation.errors import ResolutionInvalid, ResolutionStale, TicketResolved, TicketTaken
from escalation.escrow import claim_ticket, resolve_by_rule, resolve_ticket
from escalation.models import AuditLine, ReasonCode, ReviewQueue, Ticket
from escalation.selectors import get_ticket, summarise_ticket
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.hold_fields import Scope
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ResolutionRefused
from orchestration.executor import handed
from orchestration.models import Receipt, Run, RunResult, Step
from orchestration.testing import FinishedRun, drive
from tests.integration.escalation.desk import AGENTS, expire_claim, go_on, hold
from tests.integration.orchestration.rig import answer

pytestmark = pytest.mark.django_db
APPROVE, EDIT, ABORT = ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.ABORT
HAND_ON, CLOSE, DEFAULT = ResolutionKind.HAND_ON, ResolutionKind.CLOSE, ResolutionKind.DEFAULT


def _letter(**draft: Any) -> WorkflowSpec:
    return WorkflowSpec(
        name="letter",
        steps=(
            StepSpec("draft", agent="test.writer", **draft),
            StepSpec("send", agent="test.sender", needs=("draft",)),
        ),
    )


OTHERS = {**AGENTS, "test.second": lambda _: Result({"body": "by the second"}, confidence=0.9)}


def _held(spec: WorkflowSpec) -> Ticket:
    with override(OTHERS):
        return hold(spec)[0]


def _go_on(ticket: Ticket, **agents: Any) -> FinishedRun:
    return drive(ticket.run_id, agents={**OTHERS, **agents})


def _decide(ticket: Ticket, person: User, kind: ResolutionKind, **given: Any) -> Ticket:
    claim_ticket(ticket.pk, person)
    with override(OTHERS):
        return resolve_ticket(ticket.pk, person, kind, claim_number=None, seen_digest=None, **given)


def _queue(ticket: Ticket, **columns: Any) -> None:
    ReviewQueue.objects.filter(pk=ticket.queue_id).update(**columns)


def test_a_fallback_takes_over_and_its_answer_is_checked(anna: User) -> None:
    ticket = _held(_letter(fallback=("test.second",), min_confidence=0.8))

    decided = _decide(ticket, anna, HAND_ON, agent="test.second")

    assert (decided.status, decided.resolution, decided.handed_to) == ("resolved", "hand_on", "test.second")
    done = _go_on(ticket)
    step = done.steps["draft"]
    assert (done.status, step.agent, step.output) == ("succeeded", "test.second", {"body": "by the second"})
    assert runs.verify(ticket.run_id).fault is None
    receipt = json.loads(Receipt.objects.get(step=step, digest=step.receipt_digest).body_json)
    assert receipt["decision"] == f"attempt:2, handed on by person:anna (ticket-{ticket.pk})"


def test_the_threshold_holds_for_the_other_agent_too(anna: User) -> None:
    ticket = _held(_letter(fallback=("test.second",), min_confidence=0.95))
    _decide(ticket, anna, HAND_ON, agent="test.second")

    assert _go_on(ticket).held == ["draft"]
    assert Ticket.objects.get(run=ticket.run_id, status="open").rule == "low_confidence"


def test_only_who_is_listed_can_be_handed_a_step(anna: User) -> None:
    ticket = _held(_letter())
    with pytest.raises(ResolutionInvalid, match="can't be handed this step"):
        _decide(ticket, anna, HAND_ON, agent="test.second")
    _queue(ticket, hand_on_agents=["test.second", "test.nobody"])
    with override(OTHERS):
        (way,) = (
            way for way in summarise_ticket(get_ticket(ticket.pk))["resolutions"] if way["needs"] == "agent"
        )
    assert way["agents"] == ["test.second"]
    assert _decide(ticket, anna, HAND_ON, agent="test.second").handed_to == "test.second"


def test_the_way_is_not_there_without_an_agent(ticket: Ticket) -> None:
    assert HAND_ON not in [
        way["resolution"] for way in summarise_ticket(get_ticket(ticket.pk))["resolutions"]
    ]


def test_the_same_hand_on_again_is_answered_alike_and_another_is_not(anna: User) -> None:
    ticket = _held(_letter(fallback=("test.second", "test.sender")))
    first = _decide(ticket, anna, HAND_ON, agent="test.second")
    again = resolve_ticket(ticket.pk, anna, HAND_ON, claim_number=1, seen_digest=None, agent="test.second")
    assert again.resolved_at == first.resolved_at
    with pytest.raises(TicketResolved) as refused:
        resolve_ticket(ticket.pk, anna, HAND_ON, claim_number=1, seen_digest=None, agent="test.sender")
    changed = {one.what: one.now for one in refused.value.changed}
    assert (changed["decision"], changed["decided_by"]) == ("hand_on", "anna")


def test_closing_ends_the_run_as_a_success_that_says_so(anna: User) -> None:
    (ticket,) = hold()
    ReasonCode.objects.create(queue=ticket.queue, code="spam", label="Spam", kinds=["close"])

    _decide(ticket, anna, CLOSE, reason_code="spam")

    run = Run.objects.get(pk=ticket.run_id)
    result = RunResult.objects.get(run=run)
    assert (run.status, run.reason) == ("succeeded", "closed without an answer (spam) by anna")
    assert (result.kind, result.output) == ("closed", {"by": "anna", "closed": "spam"})
    assert dict(Step.objects.filter(run=run).values_list("key", "status")) == {
        "facts": "succeeded",
        "draft": "cancelled",
        "send": "cancelled",
    }
    assert runs.verify(run.pk).fault is None


ABOVE = WorkflowSpec(
    name="above",
    steps=(
        StepSpec("kid", workflow="letter"),
        StepSpec("behind", agent="test.facts", needs=("kid",)),
        StepSpec("beside", agent="test.facts", after=("kid",)),
    ),
)


def _held_below() -> Ticket:
    with override(OTHERS):
        runs.publish(_letter())
        return_run = hold(ABOVE)
    assert return_run == []
    return Ticket.objects.get(status="open")


def test_closing_a_part_skips_the_step_above_and_who_needs_it(anna: User) -> None:
    ticket = _held_below()
    with pytest.raises(ResolutionInvalid, match="scope: say whether"):
        _decide(ticket, anna, CLOSE)

    _decide(ticket, anna, CLOSE, scope=Scope.PART)

    root = Run.objects.get(pk=ticket.run.root_id)
    done = drive(root.pk, agents=OTHERS)
    assert {key: (step.status, step.skip_reason) for key, step in done.steps.items()} == {
        "kid": ("skipped", "closed_by_person"),
        "behind": ("skipped", "need_passed_over"),
        "beside": ("succeeded", ""),
    }
    assert "closed without an answer by anna" in done.steps["kid"].reason
    assert runs.verify(root.pk).fault is None


def test_closing_the_tree_ends_the_run_at_the_top(anna: User) -> None:
    ticket = _held_below()

    _decide(ticket, anna, CLOSE, scope=Scope.TREE)

    root, child = Run.objects.get(pk=ticket.run.root_id), Run.objects.get(pk=ticket.run_id)
    assert (root.status, child.status) == ("succeeded", "cancelled")
    assert RunResult.objects.get().run_id == root.pk
    assert set(Step.objects.values_list("status", flat=True)) == {"cancelled"}
    assert [runs.verify(run.pk).fault for run in (root, child)] == [None, None]


def test_a_scope_is_for_child_runs(ticket: Ticket, anna: User) -> None:
    with pytest.raises(ResolutionInvalid, match="scope: no other run started this one"):
        _decide(ticket, anna, CLOSE, scope=Scope.PART)


def test_a_queue_may_ask_for_a_reason(ticket: Ticket, anna: User) -> None:
    _queue(ticket, reasons_required=["approve"])
    ReasonCode.objects.create(queue=ticket.queue, code="fine", label="Fine", kinds=["approve"])
    ReasonCode.objects.create(queue=ticket.queue, code="spam", label="Spam", kinds=["close"])
    with pytest.raises(ResolutionInvalid, match="asks for a reason with approve; known: fine"):
        _decide(ticket, anna, APPROVE)
    with pytest.raises(ResolutionInvalid, match="'spam' is none of the review queue"):
        _decide(ticket, anna, APPROVE, reason_code="spam")

    decided = _decide(ticket, anna, APPROVE, reason_code="fine")

    assert decided.reason_code == "fine"
    line = AuditLine.objects.get(act="resolved")
    assert (line.actor_name, json.loads(line.data_json)) == (
        "anna",
        {"reason_code": "fine", "resolution": "approve"},
    )


def test_a_rule_uses_the_safe_default_and_signs_for_it(anna: User) -> None:
    ticket = _held(_letter(safe_default={"body": "we will write soon"}, verify=Verify("test.facts")))

    decided = resolve_by_rule(ticket.pk, DEFAULT)

    assert (decided.resolved_by, decided.resolved_rule, decided.resolution) == (None, "breach", "default")
    done = _go_on(ticket)
    step = done.steps["draft"]
    assert (done.status, step.output, step.accepted_by) == (
        "succeeded",
        {"body": "we will write soon"},
        "rule",
    )
    receipt = Receipt.objects.get(step=step)
    assert (receipt.kind, json.loads(receipt.body_json)["actor"]) == ("default", "rule:breach")
    assert runs.verify(ticket.run_id).fault is None
    assert resolve_by_rule(ticket.pk, DEFAULT).resolved_at == decided.resolved_at
    with pytest.raises(TicketResolved, match="by rule:breach"):
        resolve_by_rule(ticket.pk, ABORT)


def test_a_rule_waits_for_whoever_holds_the_ticket(anna: User) -> None:
    ticket = claim_ticket(_held(_letter(safe_default={"body": "x"})).pk, anna)
    with pytest.raises(TicketTaken, match="anna"):
        resolve_by_rule(ticket.pk, DEFAULT)
    expire_claim(ticket)
    assert resolve_by_rule(ticket.pk, DEFAULT).status == "resolved"


def test_without_a_safe_default_nothing_is_resolved(ticket: Ticket) -> None:
    with pytest.raises(ResolutionRefused, match="names none"):
        resolve_by_rule(ticket.pk, DEFAULT)
    with pytest.raises(ResolutionRefused, match="no rule may choose approve"):
        resolve_by_rule(ticket.pk, APPROVE)
    ticket.refresh_from_db()
    assert ticket.status == "open"


def test_a_rule_may_abort(ticket: Ticket) -> None:
    resolve_by_rule(ticket.pk, ABORT)
    assert (Run.objects.get(pk=ticket.run_id).status, Ticket.objects.get(pk=ticket.pk).resolution) == (
        "failed",
        "abort",
    )


def test_people_choose_no_default(ticket: Ticket, anna: User) -> None:
    with pytest.raises(ResolutionInvalid, match="default is for rules"):
        _decide(ticket, anna, DEFAULT)


def test_what_changed_is_told_side_by_side(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    with pytest.raises(ResolutionStale) as refused:
        resolve_ticket(ticket.pk, anna, APPROVE, claim_number=1, seen_digest="0" * 64)
    (changed,) = refused.value.changed
    assert (changed.what, changed.yours, changed.now) == ("digest", "0" * 64, ticket.seen_digest)


def test_an_approval_ends_the_run_if_the_step_does(anna: User) -> None:
    ticket = _held(_letter(ends_run=True, min_confidence=0.9))
    _decide(ticket, anna, EDIT, output={"body": "mine"})
    run = Run.objects.get(pk=ticket.run_id)
    assert (run.status, run.result.output) == ("succeeded", {"draft": {"body": "mine"}})
    assert Step.objects.get(run=run, key="send").status == "cancelled"
    assert runs.verify(run.pk).fault is None
    assert go_on(ticket).status == "succeeded"


@pytest.mark.parametrize(
    ("agent", "is_refused"), [("test.stranger", True), ("test.second", False), ("test.strict", False)]
)
def test_a_listed_agent_must_put_out_what_the_steps_own_agent_would(
    monkeypatch: pytest.MonkeyPatch, agent: str, is_refused: bool
) -> None:
    strict = AgentContract("test.strict", output_schema={"type": "object", "required": ["body"]})
    monkeypatch.setattr(handed, "find_contract", lambda _name: strict)
    claim: Any = SimpleNamespace(agent=agent)
    spec = StepSpec("draft", agent="test.strict", fallback=("test.second",))

    outcome = handed.check_handed(claim, spec, answer({"text": "x"}))

    assert isinstance(outcome, Failed) is is_refused
    fit = answer({"body": "x"})
    assert handed.check_handed(claim, spec, fit) is fit
