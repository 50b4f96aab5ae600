from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.models import Attempt, WorkerProcess, Workflow
from orchestration.selectors import workflow_details
from tests.integration.orchestration_admin.conftest import text_of
from tests.integration.orchestration_admin.scenes import LETTER, LETTER_AGENTS, begin, play_letter, refuse
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db
WORKFLOWS = "/admin/orchestration/workflow/"
WORKERS = "/admin/orchestration/workerprocess/"


def _publish_again() -> Workflow:
    newer = WorkflowSpec(
        name="letter", steps=(*LETTER.steps, StepSpec("log", agent="test.facts", when="false"))
    )
    with override(LETTER_AGENTS):
        return runs.publish(newer).workflow


def _rows(response: Any) -> list[Any]:
    return list(response.context["cl"].result_list)


def _worker(name: str, *, silent_seconds: float = 0, **columns: Any) -> WorkerProcess:
    defaults = {"host": "box", "pid": 7, "queues": ["steps"], "agents": ["a.b"], "concurrency": 8}
    process = WorkerProcess.objects.create(name=name, **{**defaults, **columns})
    beat = Now() - Value(timedelta(seconds=silent_seconds))
    WorkerProcess.objects.filter(pk=process.pk).update(beat_at=beat)
    return process


def test_the_list_has_one_row_a_workflow_with_all_its_runs(operator: Client) -> None:
    play_letter()
    _publish_again()
    play_letter()  # publishes the first content again, as the third version

    response = operator.get(WORKFLOWS)

    assert [(row.version, row.run_count) for row in _rows(response)] == [(3, 2)]
    assert '<a class="rm-nowrap" href="/admin/orchestration/run/?workflow=letter">2</a>' in text_of(response)


def test_runs_are_counted_up_to_a_bound(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_details, "MOST_COUNTED", 2)
    monkeypatch.setattr("orchestration.admin.workflows.MOST_COUNTED", 2)
    for _ in range(5):
        begin(LETTER, LETTER_AGENTS)
    response = operator.get(WORKFLOWS)
    assert [row.run_count for row in _rows(response)] == [3]
    assert ">2+</a>" in text_of(response)


def test_the_list_of_workflows_takes_the_same_queries_whatever_its_length(operator: Client) -> None:
    play_letter()
    with CaptureQueriesContext(connection) as one:
        operator.get(WORKFLOWS)
    with override(LETTER_AGENTS):
        for i in range(5):
            runs.publish(WorkflowSpec(name=f"other-{i}", steps=LETTER.steps))
    with CaptureQueriesContext(connection) as many:
        assert len(_rows(operator.get(WORKFLOWS))) == 6
    assert len(many) == len(one) <= 13


def test_a_workflow_shows_picture_table_and_text(operator: Client) -> None:
    play_letter()
    newest = _publish_again()
    response = operator.get(f"{WORKFLOWS}{newest.pk}/change/")
    text = text_of(response)
    assert [row.spec.key for row in response.context["steps"]] == ["facts", "log", "draft", "send"]
    assert [row.rules for row in response.context["steps"]] == [
        [],
        ["when false"],
        [],
        ["aborts the run on failure"],
    ]
    assert '<a class="rm-node rm-planned" href="#step-draft">' in response.context["picture"].svg
    assert '<tr id="step-draft">' in text
    assert "order = steps.facts.order" in text
    assert "&quot;on_failure&quot;: &quot;abort&quot;" in text
    assert [row.version for row, _ in response.context["versions"]] == [2, 1]


def test_a_spec_that_this_release_cannot_read_is_shown_all_the_same(operator: Client) -> None:
    play_letter()
    former = Workflow.objects.get()
    old = Workflow.objects.create(
        project=former.project,
        name="ancient",
        version=1,
        digest="0" * 64,
        spec_json='{"name":"ancient","steps":[{"key":"a","agent":"x","colour":"red"}]}',
        sla="internal",
    )
    text = text_of(operator.get(f"{WORKFLOWS}{old.pk}/change/"))
    assert "This release can&#x27;t read the spec" in text or "This release can't read the spec" in text
    assert "&quot;colour&quot;: &quot;red&quot;" in text


def test_workers_are_alive_late_or_dead_by_their_beat_and_lease(
    operator: Client, settings: LazySettings
) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "LEASE_SECONDS": 15.0, "HEARTBEAT_SECONDS": 2.0}
    _worker("fresh")
    _worker("slow", silent_seconds=6)
    _worker("lost", silent_seconds=60)
    _worker("killed", died=True, stopped_at=Now())
    _worker("gone", stopped_at=Now())

    def states(**asked: str) -> dict[str, str]:
        return {row.name: row.state for row in _rows(operator.get(WORKERS, asked))}

    assert states() == {"fresh": "alive", "slow": "late", "lost": "dead"}
    assert states(presence="died") == {"killed": "dead"}
    assert states(presence="stopped") == {"gone": "stopped"}
    assert len(states(presence="all")) == 5


def test_the_list_of_workers_says_what_waits_and_who_is_missing(operator: Client) -> None:
    begin(LETTER, LETTER_AGENTS)
    text = text_of(operator.get(WORKERS))
    assert "<b>1</b> step waits on “steps”" in text
    assert "<b>Nobody reads the queue “steps”:</b>" in text

    _worker("fresh", busy=3)
    text = text_of(operator.get(WORKERS))
    assert "Nobody reads" not in text
    assert '<progress class="rm-bar" max="8" value="3"></progress>3/8' in text


def test_a_worker_shows_what_it_does_and_what_it_did(operator: Client, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FLOWER_URL": "http://flower.test:5555"}
    run = play_letter(sender=refuse).run
    process = WorkerProcess.objects.get(name="in-process")
    seen: dict[str, str] = {}

    def look(_task: Any) -> Any:
        process_id = WorkerProcess.objects.latest("pk").pk
        seen["page"] = text_of(operator.get(f"{WORKERS}{process_id}/change/"))
        return {"order": 7}

    text = text_of(operator.get(f"{WORKERS}{process.pk}/change/"))
    play_letter(facts=look)

    assert '<h2>In flight</h2> <p class="rm-empty">Nothing.</p>' in text
    assert f"/admin/orchestration/run/{run.pk}/steps/send/" in text
    assert "ValueError: no such order" in text
    assert 'href="http://flower.test:5555/worker/in-process"' in text
    in_flight = seen["page"][: seen["page"].index("Latest attempts")]
    assert "/steps/facts/" in in_flight
    assert "test.facts" in in_flight


def test_a_worker_page_takes_the_same_queries_whatever_it_did(operator: Client) -> None:
    play_letter()
    first = WorkerProcess.objects.get()
    with CaptureQueriesContext(connection) as few:
        operator.get(f"{WORKERS}{first.pk}/change/")
    from_many = _worker("busy")
    for _ in range(4):
        play_letter()
    with history_rewritten():
        Attempt.objects.update(process=from_many)
    with CaptureQueriesContext(connection) as many:
        page = operator.get(f"{WORKERS}{from_many.pk}/change/")
    assert len(page.context["attempts"]) == 15
    assert len(many) == len(few) <= 13
