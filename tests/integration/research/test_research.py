"""The research desk on the real engine: how many are sent, who is sent back, and what the report rests on."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import TestCase

from agents import Result, Task
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from examples.research.workflows import RESEARCH
from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind, StepKind
from orchestration.models import Decision, PastOutput, Step
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

SIMPLE = "How much energy does the Millbrook biogas plant yield?"
STALE = "How much does the harbour battery store?"
HARD = "Compare all power sources and the ways to store power in capacity, cost and land."


def _ask(question: str, **agents: object) -> FinishedRun:
    return run_workflow(RESEARCH, {"question": question}, agents=agents or None)  # type: ignore[arg-type]


def _spawned(done: FinishedRun) -> list[str]:
    return [key for key, step in done.steps.items() if step.kind == StepKind.SPAWNED]


def test_a_simple_question_sends_one_researcher() -> None:
    done = _ask(SIMPLE)

    assert done.status == "succeeded"
    assert _spawned(done) == ["plan/millbrook-biogas"]
    assert (
        "| the Millbrook biogas plant | energy a year | 17 GWh a year | 2025 | [1] |"
        in done.outputs["report"]["text"]
    )
    assert done.steps["report"].accepted_by == "verdict"
    assert runs.verify(done.run.pk).fault is None


def test_a_stale_figure_sends_its_researcher_back_with_the_reasons() -> None:
    done = _ask(STALE)

    assert done.status == "succeeded"
    assert done.steps["plan/harbour-battery"].reworks == 1
    first = json.loads(PastOutput.objects.get(step=done.steps["plan/harbour-battery"]).output_json)
    assert [figure["value"] for figure in first["figures"]] == [24]
    reason = Decision.objects.get(run=done.run, kind="rework").reason
    assert "comes from battery-tender-2020, which battery-handover-2022 corrects." in reason
    [row] = done.outputs["analyse"]["rows"]
    assert (row["value"], row["document"]) == (40, "battery-handover-2022")
    assert done.outputs["analyse"]["fetched_again"][0]["step"] == "plan/harbour-battery"
    assert runs.verify(done.run.pk).fault is None


def test_a_hard_question_grows_a_tree_in_which_only_the_wrong_are_sent_back() -> None:
    done = _ask(HARD)

    assert done.status == "succeeded"
    tree = _spawned(done)
    assert {key for key in tree if key.count("/") == 1} == {"plan/all-sources", "plan/all-storage"}
    assert len([key for key in tree if key.count("/") == 2]) == 6
    sent_back = {key for key in tree if done.steps[key].reworks}
    assert "plan/all-sources/norhead-wind" in sent_back
    assert "plan/all-sources/sound-tidal" not in sent_back
    assert [answer["order"][0] for answer in done.outputs["analyse"]["answers"]] == [
        "the Norhead wind park",
        "the Norhead wind park",
        "the Saltmarsh solar field",
    ]
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Peru?",
        "How high is the Norhead lighthouse?",
        "Write a poem about wind.",
        "how many cats live on Holm",
    ],
)
def test_a_question_beside_the_field_waits_for_a_person_before_anybody_is_sent(question: str) -> None:
    done = _ask(question)

    assert done.held == ["plan"]
    assert _spawned(done) == []


def test_a_person_may_say_what_is_meant() -> None:
    held = _ask("How strong is the big one in the north?")
    assert held.held == ["plan"]
    person = User.objects.create_user("ada", is_superuser=True)
    ticket = claim_ticket(Ticket.objects.get(run=held.run).pk, person)

    with mute_dispatch(), TestCase.captureOnCommitCallbacks(execute=True):
        resolve_ticket(
            ticket.pk,
            person,
            ResolutionKind.SEND_BACK,
            claim_number=ticket.claim_number,
            seen_digest=ticket.seen_digest,
            feedback="They mean the wind park.",
        )
    done = drive(held.run.pk)

    assert done.status == "succeeded"
    assert _spawned(done) == ["plan~1/norhead-wind"]
    [row] = done.outputs["analyse"]["rows"]
    assert (row["measure"], row["value"]) == ("capacity", 31)


def test_a_question_why_is_answered_by_what_the_documents_say() -> None:
    done = _ask("Why was the tidal turbine delayed?")

    assert done.status == "succeeded"
    [first, *_] = done.outputs["analyse"]["notes"]
    assert first["quote"].startswith("The turbine was delayed by fourteen months because the first bearing")
    assert done.outputs["analyse"]["rows"] == []


def test_an_analysis_with_too_little_waits_for_a_person() -> None:
    done = _ask("How much land do the harbour battery and the hill reservoir take?")

    assert done.held == ["analyse"]
    assert Decision.objects.filter(run=done.run).latest("id").rule == "low_confidence"


def test_a_report_that_states_what_no_document_says_is_not_let_through() -> None:
    def invent(task: Task) -> Result:
        claim = {"document": "battery-handover-2022", "quote": "It stores 400 MWh."}
        return Result(
            {"question": "?", "text": "400 MWh [1]", "claims": [claim], "sources": [claim["document"]]}
        )

    done = _ask(SIMPLE, **{"research.writer": invent})

    assert done.held == ["report"]
    assert "battery-handover-2022 does not say: It stores 400 MWh." in done.steps["report"].reason


def test_a_researcher_that_can_t_be_mended_is_not_sent_back_for_ever() -> None:
    def stubborn(task: Task) -> Result:
        figure = {
            "measure": "storage",
            "value": 24,
            "year": 2020,
            "is_planned": True,
            "document": "battery-tender-2020",
            "quote": "?",
        }
        found = {"subject": "harbour-battery", "figures": [figure], "others": [], "missing": [], "notes": []}
        return Result(found | {"step": task.step_key, "feedback": task.feedback or ""})

    done = _ask(STALE, **{"research.researcher": stubborn})

    assert done.held == ["analyse"]
    assert Step.objects.get(run=done.run, key="plan/harbour-battery").reworks == 1
