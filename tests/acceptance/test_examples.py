"""The examples as their users run them: real workers, a real broker, commands; and a worker that dies."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.management import call_command

from agents.models import Breaker, PoolSlot
from config.demo.feeding import read_messages
from config.services.process import choose_port
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from examples.assistant.models import Refund
from examples.fraud.books import open_books
from examples.fraud.models import CardAction, ServiceCall
from orchestration import runs
from orchestration.domain.states import ResolutionKind, StepKind, StepStatus
from orchestration.models import Run, Step
from tests.architecture.sources import PROJECT_DIR
from tests.people import make_member
from tests.processes import SHORT_TIMES, Child, ProcessStarter, child_env, wait_for

_SECONDS = 240
# No probe reaches the service within the test.
_PATIENT = {
    **SHORT_TIMES,
    "BREAKER_FAILURES": 5,
    "BREAKER_PAUSE_SECONDS": 300.0,
    "BREAKER_WINDOW_SECONDS": 300.0,
}
_PAYMENTS = 40
_SCRIPT = "examples/assistant/data/script.json"
_MESSAGES = "examples/assistant/data/messages.jsonl"


@pytest.fixture(scope="module")
def starter(committed_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStarter]:
    port = choose_port(0)
    models = {"ASSISTANT_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    env = child_env() | models | {"RINGMASTER_OVERRIDES": json.dumps(_PATIENT)}
    starter = ProcessStarter(env, tmp_path_factory.mktemp("examples"))
    call_command("publish_workflows", verbosity=0)
    starter.maintainer()
    starter.start("models", "manage.py", "model_server", _SCRIPT, "--port", str(port))
    yield starter
    starter.end_all()


@pytest.fixture(scope="module")
def worker(starter: ProcessStarter) -> Child:
    return starter.worker("first")


@pytest.mark.usefixtures("worker")
def test_a_hard_question_is_answered_by_a_tree_of_researchers(starter: ProcessStarter) -> None:
    question = "Compare all power sources and the ways to store power in capacity, cost and land."
    asked = starter.start("ask", "manage.py", "ask", question, "--timeout", str(_SECONDS))

    assert asked.popen.wait(_SECONDS) == 0, asked.output()

    assert "| the Norhead wind park | capacity | 31 MW | 2023 |" in asked.output()
    assert "## What was fetched again" in asked.output()
    run = Run.objects.get(workflow_name="research")
    assert run.steps.filter(kind=StepKind.SPAWNED).count() == 8
    assert runs.verify(run.pk).fault is None


@pytest.mark.usefixtures("worker")
def test_the_assistant_answers_by_a_script_and_asks_a_person_before_it_pays_much() -> None:
    started = [runs.start("assistant", message) for message in read_messages(PROJECT_DIR / _MESSAGES)]
    ids = [run.pk for run in started]

    wait_for(
        lambda: Run.objects.filter(pk__in=ids, status="succeeded").count() == len(ids) - 1,
        seconds=_SECONDS,
        what="all but one to be answered",
    )
    wait_for(lambda: Step.objects.filter(run__in=ids, status=StepStatus.HELD).exists(), seconds=_SECONDS)

    [ticket] = Ticket.objects.filter(run__in=ids)
    assert (ticket.subject, ticket.seen["calls"][0]["arguments"]["euro"]) == ("calls", 249)
    assert list(Refund.objects.values_list("order", "euro")) == [("1043", Decimal("18.50"))]
    ada = make_member("ada", "reviewer")
    claimed = claim_ticket(ticket.pk, ada)
    resolve_ticket(
        ticket.pk,
        ada,
        ResolutionKind.APPROVE,
        claim_number=claimed.claim_number,
        seen_digest=ticket.seen_digest,
    )
    wait_for(lambda: Run.objects.get(pk=ticket.run_id).status == "succeeded", seconds=_SECONDS)
    assert Refund.objects.get(order="1041").is_approved
    assert runs.verify(ticket.run_id).fault is None


def test_a_dead_service_and_a_killed_worker_stop_no_check(starter: ProcessStarter, worker: Child) -> None:
    call_command("reputation", down=True, verbosity=0)
    payments = open_books().to_check()[:_PAYMENTS]
    started = [runs.start("fraud-check", {"payment_id": payment.id}) for payment in payments]
    wait_for(lambda: Step.objects.filter(key="score", status="succeeded").count() > 3, seconds=_SECONDS)

    worker.popen.kill()
    starter.worker("second", wait=False)
    wait_for(lambda: _settled() == len(started), seconds=_SECONDS, what="every check to be settled")

    # A call that was under way when the worker died may have been made once more.
    assert ServiceCall.objects.count() <= 6 + 1
    assert Breaker.objects.get(agent="fraud.reputation_service").state == "open"
    reputations = Step.objects.filter(key="reputation")
    assert {step.output["said_by"] for step in reputations} == {"copy"}
    assert {step.status for step in Step.objects.filter(key="score")} == {StepStatus.SUCCEEDED}
    assert not PoolSlot.objects.exists()
    blocked = CardAction.objects.values_list("run_id", flat=True)
    assert len(blocked) == len(set(blocked)) == Step.objects.filter(key="block", status="succeeded").count()
    for run in Run.objects.filter(workflow_name="fraud-check", status="succeeded")[:5]:
        assert runs.verify(run.pk).fault is None


def _settled() -> int:
    """Count the checks that are done, or in which only a person can go on."""
    held = Step.objects.filter(key="review", status=StepStatus.HELD).count()
    return held + Run.objects.filter(workflow_name="fraud-check", status="succeeded").count()
