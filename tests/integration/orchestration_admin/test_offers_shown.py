"""What workers tell of their agents, and who could not build one, is shown wherever somebody looks."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from agents.domain.offers import (
    AgentOffer,
    Approval,
    Readiness,
    ToolOffer,
    describe_fault,
    write_offers,
)
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run, Step, WorkerProcess
from orchestration.readiness import look_at_parts
from orchestration.selectors.offers import find_standing, list_standings
from orchestration.transitions.waiting import mark_unknown_agent
from tests.integration.orchestration_admin.conftest import text_of
from tests.integration.orchestration_admin.test_workflows_and_workers import WORKERS, _worker

pytestmark = pytest.mark.django_db
AGENT = "test.facts"
LIST = reverse("admin:escalation_agenthour_changelist")
PAGE = reverse("admin:escalation_agent", args=(AGENT,))
SAID = "Worker bad@box couldn't build the agent “test.facts”: KeyError: OPENAI_API_KEY is not set."
TOOL = ToolOffer("refund", effects=("pays",), reversible=False, approval=Approval.ALWAYS, digest="d" * 64)
READY = AgentOffer(
    AGENT, 2, "model", "steps", models=("fast",), tools=(TOOL,), tool_count=1, tools_digest="a" * 64
)
BROKEN = AgentOffer(
    AGENT,
    2,
    "model",
    "steps",
    readiness=Readiness.FAILED,
    fault=describe_fault("KeyError", "OPENAI_API_KEY is not set"),
)


def _tell(name: str, *offers: AgentOffer, **columns: Any) -> WorkerProcess:
    agents = [each.name for each in offers if each.readiness is Readiness.READY]
    return _worker(name, **{"agents": agents, "offers_json": write_offers(offers), **columns})


def _list(*words: str) -> str:
    out = StringIO()
    call_command("list_agents", *words, stdout=out)
    return out.getvalue()


def _wait() -> Run:
    """Return a run whose step waits for a worker that has its agent."""
    with override({AGENT: lambda _task: 1}), mute_dispatch():
        runs.publish(WorkflowSpec(name="facts", steps=(StepSpec("look", agent=AGENT),)))
        run = runs.start("facts", {})
    assert mark_unknown_agent(Step.objects.get(run=run).pk, [])
    return runs.get_run(run.pk)


def test_a_step_that_waits_says_who_could_not_build_its_agent(operator: Client) -> None:
    _tell("bad@box", BROKEN)
    _tell("apart@box", BROKEN, queues=["isolated"])
    _tell("gone@box", BROKEN, stopped_at="2020-01-01T00:00Z")
    run = _wait()
    step = run.steps.get()

    page = text_of(operator.get(f"/admin/orchestration/run/{run.pk}/change/"))
    [waits] = operator.get(f"/api/v1/steps/{step.pk}").json()["waits_on"]
    out = StringIO()
    call_command("show_run", str(run.pk), stdout=out)

    assert SAID.replace("'", "&#x27;") in page
    assert (waits["what"], waits["name"], waits["why"]) == ("agent", AGENT, SAID)
    assert SAID.rstrip(".") in out.getvalue()
    assert "apart@box" not in page + waits["why"] + out.getvalue()
    assert "gone@box" not in page + waits["why"] + out.getvalue()
    part = next(part for part in look_at_parts() if part.name == "agents")
    assert (part.is_well, part.is_vital) == (False, False)
    assert part.said == "1 could be built by no worker: `manage.py list_agents --workers` says why"


def test_where_nobody_tells_of_a_fault_a_step_says_what_it_said_before(operator: Client) -> None:
    _tell("good@box", AgentOffer("a.b", 1, "python", "steps"))
    run = _wait()
    [waits] = operator.get(f"/api/v1/steps/{run.steps.get().pk}").json()["waits_on"]
    assert waits["why"] == ""
    assert "couldn" not in text_of(operator.get(f"/admin/orchestration/run/{run.pk}/change/"))
    assert next(part for part in look_at_parts() if part.name == "agents").is_well


def test_who_offers_an_agent_with_which_tools_and_who_differs_is_shown_everywhere(operator: Client) -> None:
    other = ToolOffer("refund", effects=("pays",), approval=Approval.BY_ITSELF, digest="e" * 64)
    newer = AgentOffer(
        AGENT, 3, "model", "steps", models=("fast",), tools=(other,), tool_count=1, tools_digest="b" * 64
    )
    for name in ("one@box", "two@box"):
        _tell(name, READY)
    _tell("new@box", newer)
    bad = _tell("bad@box", BROKEN)

    standing = find_standing(AGENT)
    assert standing.offered_by == ("new@box", "one@box", "two@box")
    assert [difference.words for difference in standing.differences] == [
        "version: 2 on bad@box, one@box, two@box; 3 on new@box",
        "tools (refund): aaaaaaaaaaaa on one@box, two@box; bbbbbbbbbbbb on new@box",
    ]
    page, told = text_of(operator.get(PAGE)), operator.get(f"/api/v1/agents/{AGENT}/offers").json()
    for words in (
        "workers differ",
        "on 3 workers",
        "pays (irreversible)",
        "always",
        "Asks fast",
        "tools (refund)",
    ):
        assert words in page, words
    assert "KeyError: OPENAI_API_KEY is not set" in page
    assert "workers differ" in text_of(operator.get(LIST))
    assert "Couldn't build test.facts:" in text_of(operator.get(f"{WORKERS}{bad.pk}/change/"))
    assert [each["what"] for each in told["differences"]] == ["version", "tools (refund)"]
    assert {each["worker"]: each["readiness"] for each in told["workers"]}["bad@box"] == "failed"
    assert told["workers"][-1]["tools"][0]["approval"] == "always"
    [row] = operator.get("/api/v1/offers").json()["results"]
    assert (row["agent"], row["trouble"], len(row["offered_by"])) == (AGENT, "", 3)
    lines = _list("--workers")
    assert "workers differ" in lines
    assert "bad@box couldn't build test.facts: KeyError" in lines
    assert json.loads(_list("--workers", "--json"))[0]["faults"][0]["worker"] == "bad@box"


def test_workers_that_agree_do_not_differ_whatever_is_not_known_yet(operator: Client) -> None:
    _tell("one@box", READY)
    _tell("two@box", AgentOffer(AGENT, 2, "model", "steps", readiness=Readiness.BUILDING))
    _tell("brief@box", AgentOffer(AGENT, 2, "model", "steps", is_brief=True))
    _worker("old@box", agents=["", AGENT, f"{AGENT}@2"])
    standing = find_standing(AGENT)
    assert (standing.differences, standing.building) == ((), ("two@box",))
    assert standing.offered_by == ("brief@box", "old@box", "one@box")
    assert standing.state.value == "ready"
    assert "being built" not in text_of(operator.get(PAGE))


_TOO_MUCH = json.dumps(
    {"agents": [{"name": AGENT, "tools": [{"name": "t"}] * 10_000, "fault": {"message": "x" * 1_000_000}}]}
)
_FORGED = json.dumps(
    {"agents": [{"name": AGENT, "fault": {"message": "<script>alert(1)</script> \u202e" + "x" * 9_000}}, {}]}
)


@pytest.mark.parametrize(
    "told",
    ["{", "[]", "7", _TOO_MUCH, _FORGED, "[" * 9_000, " " * 9_000_000],
    ids=["cut off", "list", "number", "too much", "forged", "deep", "long"],
)
def test_a_forged_or_huge_row_breaks_nothing(operator: Client, told: str) -> None:
    worker = _worker("forged@box", offers_json=told, agents=["a.b"])
    _tell("good@box", AgentOffer("good.one", 1, "python", "steps"))
    run = _wait()
    assert "good.one" in {standing.name for standing in list_standings()}
    with override({AGENT: lambda _task: 1}):
        answers = [
            operator.get(address)
            for address in (
                LIST,
                PAGE,
                WORKERS,
                f"{WORKERS}{worker.pk}/change/",
                f"/admin/orchestration/run/{run.pk}/change/",
                "/api/v1/offers",
                f"/api/v1/agents/{AGENT}/offers",
                f"/api/v1/steps/{run.steps.get().pk}",
            )
        ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert not any(b"<script>alert" in answer.content for answer in answers[:5])
    assert max(len(answer.content) for answer in answers[5:]) < 10_000
    assert "good.one" in _list("--workers")
    assert "agents" in {part.name for part in look_at_parts()}
    said = "What it tells of its agents can&#x27;t be read" in text_of(answers[3])
    assert said is (told != _FORGED)


def test_without_workers_the_list_says_what_to_do() -> None:
    assert _list("--workers").strip().startswith("No present worker tells of agents: start one with")
