"""The fraud desk on the real engine: two analyses, one score, people in the grey zone, cards blocked and released."""

from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.test import TestCase

from agents import Result, Task
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from examples.fraud.books import Payment
from examples.fraud.cards import is_blocked
from examples.fraud.models import CardAction, Case, ServiceCall, ServiceSwitch
from examples.fraud.workflows import FRAUD_CHECK
from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Decision
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db


def _check(payment: Payment, **agents: Any) -> FinishedRun:
    return run_workflow(FRAUD_CHECK, {"payment_id": payment.id}, agents=agents or None)


def _resolve(done: FinishedRun, kind: ResolutionKind, **given: Any) -> FinishedRun:
    reviewer = User.objects.create_user("reviewer", is_staff=True, is_superuser=True)
    ticket = claim_ticket(Ticket.objects.get(run_id=done.run.pk, status="open").pk, reviewer)
    seen: dict[str, Any] = {"claim_number": ticket.claim_number, "seen_digest": ticket.seen_digest}
    with mute_dispatch(), TestCase.captureOnCommitCallbacks(execute=True):
        resolve_ticket(ticket.pk, reviewer, kind, **seen, **given)
    return drive(done.run.pk)


def _fail(task: Task) -> NoReturn:
    raise RuntimeError("CUDA error: out of memory")


def _actions() -> list[str]:
    return list(CardAction.objects.order_by("pk").values_list("kind", flat=True))


def test_a_usual_payment_goes_through_and_no_card_is_touched(usual: Payment) -> None:
    done = _check(usual)

    assert done.status == "succeeded"
    assert (done.outputs["verdict"]["verdict"], done.outputs["verdict"]["said_by"]) == ("legit", "model")
    assert done.steps["verdict"].accepted_by == "verdict"
    assert [key for key, step in done.steps.items() if step.status == "skipped"] == [
        "block",
        "review",
        "release",
        "case",
    ]
    assert (_actions(), Case.objects.count()) == ([], 0)
    assert runs.verify(done.run.pk).fault is None


def test_a_stolen_card_is_blocked_and_a_case_filed(stolen: Payment) -> None:
    done = _check(stolen)

    assert done.status == "succeeded"
    assert done.outputs["verdict"]["verdict"] == "fraud"
    assert (_actions(), is_blocked(stolen.card)) == (["block"], True)
    assert Case.objects.get().payment == stolen.id
    assert runs.verify(done.run.pk).fault is None


def test_a_score_refers_to_the_figures_of_both_analyses(stolen: Payment) -> None:
    done = _check(stolen)

    because = done.outputs["score"]["because"]
    assert {"transaction", "behaviour"} <= {part["step"] for part in because}
    for part in because:
        assert part["value"] == done.outputs[part["step"]][part["name"]]


def test_a_score_that_rests_on_other_figures_is_not_judged_by(stolen: Payment) -> None:
    def invent(task: Task) -> Result:
        part = {"step": "transaction", "name": "speed_kmh", "value": 4321.0, "adds": 1}
        return Result({"score": 0.99, "scored_by": "model", "because": [part]})

    done = _check(stolen, **{"fraud.model_scorer": invent})

    assert done.held == ["verdict"]
    assert "the score rests on transaction.speed_kmh = 4321, the step found 0" in done.steps["verdict"].reason


def test_in_the_grey_zone_a_person_decides_while_the_card_is_blocked(doubtful: Payment) -> None:
    held = _check(doubtful)
    assert (held.status, held.held) == ("running", ["review"])
    assert is_blocked(doubtful.card)

    done = _resolve(held, ResolutionKind.EDIT, output={"verdict": "legit", "note": "the customer called"})

    assert done.status == "succeeded"
    assert done.outputs["verdict"]["said_by"] == "person"
    assert done.outputs["verdict"]["reasons"][0] == "the customer called"
    assert (_actions(), is_blocked(doubtful.card)) == (["block", "unblock"], False)
    assert Case.objects.count() == 0


def test_a_person_may_say_that_it_is_fraud(doubtful: Payment) -> None:
    done = _resolve(_check(doubtful), ResolutionKind.EDIT, output={"verdict": "fraud"})

    assert done.status == "succeeded"
    assert (_actions(), Case.objects.get().payment) == (["block"], doubtful.id)


def test_an_aborted_run_unblocks_the_card(doubtful: Payment) -> None:
    done = _resolve(_check(doubtful), ResolutionKind.ABORT, note="taken over by the bank's lawyers")

    assert done.status == "failed"
    assert done.steps["undo:block"].status == "succeeded"
    assert (_actions(), is_blocked(doubtful.card)) == (["block", "unblock"], False)
    assert runs.verify(done.run.pk).fault is None


def test_without_the_model_the_rules_score(stolen: Payment) -> None:
    done = _check(stolen, **{"fraud.model_scorer": _fail})

    assert done.outputs["score"]["scored_by"] == "rules"
    assert done.steps["score"].agent == "fraud.rules_scorer"
    rules = Decision.objects.filter(step=done.steps["score"]).order_by("id").values_list("kind", flat=True)
    assert list(rules) == ["fallback", "accept"]


def test_without_the_service_the_banks_own_copy_is_read(usual: Payment) -> None:
    ServiceSwitch.objects.create()

    done = _check(usual)

    assert done.status == "succeeded"
    assert done.outputs["reputation"]["said_by"] == "copy"
    assert ServiceCall.objects.filter(was_answered=False).count() == 2


def test_an_unknown_payment_is_not_guessed() -> None:
    done = run_workflow(FRAUD_CHECK, {"payment_id": "p9999"})

    assert done.held == ["payment"]
    assert "'p9999' is not in the books" in done.steps["payment"].reason


def test_no_step_is_handed_the_label(stolen: Payment) -> None:
    done = _check(stolen)

    assert "label" not in str(done.outputs)
