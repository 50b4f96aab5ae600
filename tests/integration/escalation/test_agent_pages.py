"""What an agent's confidence is worth, in the console and by the API; and taking a threshold over."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents import Result
from agents.invoke import override
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import AuditLine, Ticket
from orchestration import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.models import Project, Workflow
from orchestration.testing import run_workflow
from tests.integration.escalation.buttons import sign_in, text_of
from tests.people import make_member

pytestmark = pytest.mark.django_db
AGENT = "learning.writer"
AGENTS: dict[str, Any] = {AGENT: lambda task: Result("words", confidence=task.run_input["sure"])}
PAGE = reverse("admin:escalation_agent", args=(AGENT,))
TAKE = reverse("admin:escalation_agent_threshold", args=(AGENT,))
GIVEN = {"project": "default", "workflow": "letters", "step": "draft", "confidence": "0.8", "before": "90 %"}


@pytest.fixture
def lead(db: None) -> User:
    return make_member("lea", "admin")


@pytest.fixture(autouse=True)
def judged(lead: User) -> None:
    """Four outputs that stood at 0.8, and one at 0.5 that did not."""
    spec = WorkflowSpec(name="letters", steps=(StepSpec("draft", agent=AGENT, min_confidence=0.9),))
    for sure, kind in [(0.8, ResolutionKind.APPROVE)] * 4 + [(0.5, ResolutionKind.SKIP)]:
        ticket = Ticket.objects.get(run=run_workflow(spec, {"sure": sure}, agents=AGENTS).run)
        claim_ticket(ticket.pk, lead)
        resolve_ticket(ticket.pk, lead, kind, claim_number=None, seen_digest=None)


def _post(browser: Client, **changed: str) -> Any:
    with override(AGENTS):
        return browser.post(TAKE, {**GIVEN, **changed})


def test_the_list_leads_to_the_page_with_curve_thresholds_and_proposal(lead: User) -> None:
    browser = sign_in(lead)
    assert PAGE in browser.get(reverse("admin:escalation_agenthour_changelist")).content.decode()

    page = " ".join(re.sub("<[^>]*>", " ", text_of(browser.get(f"{PAGE}?error=60"))).split())

    assert "letters / draft" in page
    assert "5 judged of 5 answers" in page
    for words in ("In force 90 %", "Proposed 80 %", "Take 80 % over"):
        assert words in page
    assert "80 to 90 % 4 100 %" in page


def test_nothing_is_proposed_that_is_not_sure_and_a_bad_wish_is_named(lead: User) -> None:
    browser = sign_in(lead)
    assert "No threshold surely keeps the error at 5 % or less" in text_of(browser.get(PAGE))
    for query, words in (
        ("error=0", "is no percentage above 0"),
        ("error=nan", "is no percentage above 0"),
        ("days=x", "is no number of days"),
    ):
        answer = browser.get(f"{PAGE}?{query}")
        assert (answer.status_code, words in text_of(answer)) == (200, True)


def test_a_proposal_is_taken_over_once_it_is_confirmed(lead: User) -> None:
    browser, versions = sign_in(lead), Workflow.objects.count()

    asked = text_of(_post(browser))
    assert "Accept “draft” of letters from 80 % on?" in asked
    assert "those that were started keep theirs" in asked
    assert Workflow.objects.count() == versions

    done = _post(browser, confirmed="1")

    assert done["Location"] == PAGE
    latest = Workflow.objects.latest("version")
    assert json.loads(latest.spec_json)["steps"][0]["min_confidence"] == 0.8
    line = AuditLine.objects.get(act="changed")
    assert (line.actor_id, json.loads(line.data_json)["after"]) == (lead.pk, 0.8)
    assert f"Version {latest.version} of letters accepts draft from 80 % on." in text_of(browser.get(PAGE))


@pytest.mark.parametrize("role", ["viewer", "operator", "reviewer"])
def test_who_may_look_may_not_publish(role: str) -> None:
    browser, versions = sign_in(make_member("ole", role)), Workflow.objects.count()
    assert "Whoever may publish workflows of default can take it over" in text_of(
        browser.get(f"{PAGE}?error=60")
    )
    assert _post(browser, confirmed="1").status_code == 403
    assert Workflow.objects.count() == versions


def test_other_projects_see_nothing_of_it() -> None:
    Project.objects.create(slug="other", name="Other")
    browser = sign_in(make_member("ole", "admin", "other"))
    assert browser.get(PAGE).status_code == 404
    assert _post(browser, confirmed="1").status_code == 403
    assert browser.get(f"/api/v1/agents/{AGENT}/calibration").json() == []


@pytest.mark.parametrize(
    "changed", [{"confidence": "2"}, {"confidence": "nan"}, {"step": "none"}, {"workflow": "none"}]
)
def test_what_does_not_fit_publishes_nothing_and_says_why(lead: User, changed: dict[str, str]) -> None:
    browser, versions = sign_in(lead), Workflow.objects.count()
    assert _post(browser, confirmed="1", **changed)["Location"] == PAGE
    assert "Nothing was published" in text_of(browser.get(PAGE))
    assert Workflow.objects.count() == versions


def test_the_api_tells_the_same_and_takes_over(lead: User) -> None:
    browser = sign_in(lead)
    [told] = browser.get(f"/api/v1/agents/{AGENT}/calibration?error=0.6&days=30&project=default").json()
    assert (told["workflow"], told["threshold"]["in_force"], told["proposal"]["confidence"]) == (
        "letters",
        0.9,
        0.8,
    )
    refused = browser.get(f"/api/v1/agents/{AGENT}/calibration?error=2")
    assert (refused.status_code, "no share" in refused.content.decode()) == (400, True)

    def take(confidence: float) -> Any:
        body = {"step": "draft", "confidence": confidence}
        with override(AGENTS):
            return browser.post("/api/v1/workflows/letters/threshold", body, content_type="application/json")

    assert [take(0.8).status_code, take(0.8).status_code, take(1.5).status_code] == [201, 200, 400]
    assert json.loads(Workflow.objects.latest("version").spec_json)["steps"][0]["min_confidence"] == 0.8
