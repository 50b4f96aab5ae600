"""How good verifiers are, on the console: counted from the person's own projects, and by trials."""

import pytest
from django.test import Client

from agents.invoke import override
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Project, VerifierTrial
from orchestration.runs.probe import ProbeCase, probe_verifier
from orchestration.testing import run_workflow
from tests.integration.orchestration_admin.conftest import sign_in, text_of
from tests.people import make_member

pytestmark = pytest.mark.django_db
PAGE = "/admin/orchestration/verifiertrial/"
AGENTS = {
    "test.draft": lambda _: "text",
    "test.judge": lambda _: {"verdict": "FAIL", "reasons": ["too\u202elong<b>"]},
}


@pytest.fixture
def decided() -> None:
    """A person approved what the verifier had failed; then it failed two trials, one of something good."""
    spec = WorkflowSpec(
        name="gated",
        steps=(StepSpec("draft", agent="test.draft", verify=Verify("test.judge", max_revisions=0)),),
    )
    done = run_workflow(spec, {}, agents=AGENTS)
    runs.resolve_step(done.steps["draft"].pk, kind=ResolutionKind.APPROVE, actor="ada", resolution_id="1")
    with override(AGENTS):
        probe_verifier(
            "test.judge", [ProbeCase(output="a", expected="PASS"), ProbeCase(output="b", expected="FAIL")]
        )


@pytest.mark.usefixtures("decided")
def test_both_rates_stand_above_the_trials(operator: Client) -> None:
    text = text_of(operator.get(PAGE))
    assert "<td>people</td><td>not known</td><td>100% (1 of 1)</td>" in text
    assert "<td>trials</td><td>0% (0 of 1)</td><td>100% (1 of 1)</td>" in text
    assert 'too<span class="rm-unseen">[U+202E]</span>long&lt;b&gt;' in text
    assert VerifierTrial.objects.count() == 2


@pytest.mark.usefixtures("decided")
def test_what_people_decided_in_other_projects_is_not_told() -> None:
    Project.objects.create(slug="other", name="Other")
    text = text_of(sign_in(make_member("stefan", "viewer", "other")).get(PAGE))
    assert "<td>people</td><td>not known</td><td>not known</td>" in text


def test_members_of_nothing_see_nothing(visitor: Client) -> None:
    assert visitor.get(PAGE).status_code == 403


def test_without_verdicts_there_is_no_table(operator: Client) -> None:
    assert "How good verifiers are" not in text_of(operator.get(PAGE))
