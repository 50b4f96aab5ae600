"""What an answer sends that somebody must accept first: all of it when it is accepted as it stands, else nothing."""

from typing import Any

import pytest

from agents import Result, Task
from agents.invoke import override
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import StepSpec, Verify, WorkflowSpec, actors, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Delivery, Message, PendingEffects
from orchestration.testing import drive_all
from tests.integration.orchestration.actors.conftest import Behave, Fakes
from tests.people import make_member

pytestmark = pytest.mark.django_db


def _send_unsurely(task: Task) -> Result:
    if task.messages[0].body == "go":
        task.send("support.case/other", "stay")
        return Result({"sure": False}, confidence=0.1)
    return Result({"sure": True}, confidence=1.0)


def _resolve(kind: ResolutionKind, **what: Any) -> None:
    person, ticket = make_member("anna", "reviewer"), Ticket.objects.get()
    claim_ticket(ticket.pk, person)
    resolve_ticket(ticket.pk, person, kind, claim_number=None, seen_digest=None, **what)


@pytest.fixture
def held(behave: Behave) -> Fakes:
    """A turn that is held, with a message it wants to send."""
    fakes = behave("support.case", _send_unsurely, step={"min_confidence": 0.9})
    actors.send("support.case/one", "go")
    [turn] = drive_all(agents=fakes)
    assert turn.held == ["turn"]
    assert Message.objects.count() == 1
    assert PendingEffects.objects.count() == 1
    return fakes


def test_an_approval_sends_it(held: Fakes) -> None:
    _resolve(ResolutionKind.APPROVE)
    drive_all(agents=held)
    assert list(Message.objects.order_by("pk").values_list("sender", "body_json")) == [
        ("code", '"go"'),
        ("support.case/one", '"stay"'),
    ]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_an_output_of_a_person_sends_nothing(held: Fakes) -> None:
    _resolve(ResolutionKind.EDIT, output={"sure": "by hand"})
    drive_all(agents=held)
    assert Message.objects.count() == 1
    assert Delivery.objects.get().state == "done"


def test_work_that_is_sent_back_sends_what_its_last_answer_says(held: Fakes) -> None:
    _resolve(ResolutionKind.SEND_BACK, feedback="think again")
    [turn] = drive_all(agents={"support.case": lambda _: Result({"sure": True}, confidence=1.0)})
    assert turn.status == "succeeded"
    assert Message.objects.count() == 1


def test_verifiers_let_it_pass_or_not() -> None:
    verdicts = iter(["FAIL", "PASS"])
    said = iter(["first", "second"])

    def turn(task: Task) -> Result:
        if task.messages[0].body == "go":
            task.send("support.case/other", next(said))
        return Result({})

    fakes: Fakes = {
        "support.case": turn,
        "judge": lambda _: {"verdict": next(verdicts, "PASS"), "reasons": ["x"]},
    }
    with override(fakes):
        runs.publish(
            WorkflowSpec(
                name="support-case",
                actor="support.case",
                steps=(StepSpec("turn", agent="support.case", verify=Verify(("judge",))),),
            )
        )
    actors.send("support.case/one", "go")
    drive_all(agents=fakes)
    assert list(Message.objects.order_by("pk").values_list("body_json", flat=True)) == ['"go"', '"second"']
