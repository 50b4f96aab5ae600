"""`support-triage` on a classifier trained from the shop's own texts, so that no other data is needed."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from examples.support import conf
from examples.support.models import OutboxMessage
from examples.support.triage_report import Outcome, summarise
from examples.support.workflows import SUPPORT_TRIAGE
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db

CLEAR = {"customer": "ada", "text": "how long does delivery take", "expected_intent": "delivery_time"}
STRANGE = {"customer": "ada", "text": "who painted the mona lisa", "expected_intent": "oos"}


@pytest.fixture
def trained(models_folder: Path) -> None:
    texts = conf.DATA_DIR / "intents.jsonl"
    if not list(models_folder.glob("triage-*")):
        call_command("train_triage", train=texts, calibrate=texts, stdout=StringIO())


@pytest.mark.usefixtures("trained")
def test_a_clear_message_is_answered_and_a_strange_one_waits_for_a_person() -> None:
    answered, held = run_workflow(SUPPORT_TRIAGE, CLEAR), run_workflow(SUPPORT_TRIAGE, STRANGE)
    assert (answered.status, answered.outputs["classify"]) == ("succeeded", {"intent": "delivery_time"})
    assert (held.status, held.held) == ("running", ["classify"])
    assert list(OutboxMessage.objects.values_list("recipient", "subject")) == [
        ("ada", "Your question: delivery time")
    ]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("expected", [{}, {"expected_intent": "oos"}, {"expected_intent": "invoice"}])
def test_the_expectation_changes_nothing(expected: dict[str, str]) -> None:
    told = run_workflow(SUPPORT_TRIAGE, {"customer": "ada", "text": CLEAR["text"], **expected})
    usual = run_workflow(SUPPORT_TRIAGE, CLEAR)
    assert told.status == usual.status
    assert told.outputs["classify"] == usual.outputs["classify"]
    assert told.outputs["answer"] == usual.outputs["answer"]
    confidences = {run.steps["classify"].attempts.get().confidence for run in (told, usual)}
    assert len(confidences) == 1


@pytest.mark.usefixtures("trained")
def test_no_step_is_handed_the_expectation() -> None:
    assert "expected" not in json.dumps([step.input for step in SUPPORT_TRIAGE.steps])


def test_without_a_classifier_a_person_is_told_the_command(settings: LazySettings, tmp_path: Path) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUPPORT_MODELS_DIR": str(tmp_path)}
    held = run_workflow(SUPPORT_TRIAGE, CLEAR)
    assert held.held == ["classify"]
    assert "manage.py train_triage" in held.steps["classify"].reason


@pytest.mark.usefixtures("trained")
def test_the_report_counts_what_became_of_the_messages() -> None:
    for message in (CLEAR, STRANGE, CLEAR | {"expected_intent": "invoice"}):
        run_workflow(SUPPORT_TRIAGE, message)
    run_workflow(SUPPORT_TRIAGE, {"customer": "ada", "text": "how long does delivery take"})
    said = StringIO()
    call_command("report_triage", json=True, stdout=said)
    figures = json.loads(said.getvalue())
    assert {key: figures[key] for key in ("runs", "in_scope", "in_scope_answered", "answered_rightly")} == {
        "runs": 3,
        "in_scope": 2,
        "in_scope_answered": 2,
        "answered_rightly": 1,
    }
    assert (figures["out_of_scope"], figures["out_of_scope_escalated"]) == (1, 1)
    assert figures["open_or_failed"] == 0
    assert (figures["share_answered"], figures["share_right"], figures["share_escalated"]) == (1.0, 0.5, 1.0)
    assert figures["steps"] == 10


def test_without_runs_the_report_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="start_run support-triage --each"):
        call_command("report_triage")


def test_an_answer_to_an_out_of_scope_message_is_a_wrong_answer() -> None:
    report = summarise(
        [
            Outcome("balance", "balance", is_escalated=False),
            Outcome("oos", "balance", is_escalated=False),
            Outcome("oos", None, is_escalated=True),
            Outcome("balance", None, is_escalated=False),
        ]
    )
    assert (report.share_answered, report.share_right, report.share_escalated) == (0.5, 0.5, 0.5)
    assert report.open_or_failed == 1
