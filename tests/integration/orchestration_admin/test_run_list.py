from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from orchestration import runs
from orchestration.admin import paging
from orchestration.dispatch import mute_dispatch
from orchestration.models import Attempt, Run, Step
from tests.integration.orchestration_admin.conftest import text_of
from tests.integration.orchestration_admin.scenes import (
    LETTER,
    LETTER_AGENTS,
    begin,
    doubt,
    play_letter,
    refuse,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/orchestration/run/"


def _ids(response: Any) -> set[Any]:
    return {run.pk for run in response.context["cl"].result_list}


def test_the_list_says_how_each_run_stands(operator: Client) -> None:
    done, held, failed = play_letter("a"), play_letter("b", writer=doubt), play_letter(sender=refuse)

    response = operator.get(LIST)
    text = text_of(response)

    rows = {run.pk: run for run in response.context["cl"].result_list}
    assert {run_id: run.state for run_id, run in rows.items()} == {
        done.run.pk: "succeeded",
        held.run.pk: "waiting",
        failed.run.pk: "failed",
    }
    assert '<span class="rm-chip rm-people">waiting for people</span>' in text
    assert "<b>draft</b>: the agent&#x27;s confidence is 0.50, below 0.70" in text
    assert '<progress class="rm-bar" max="3" value="3"></progress>3/3' in text
    assert '<progress class="rm-bar" max="3" value="1"></progress>1/3' in text
    assert "<b>send</b>: ValueError: no such order" in text


def test_a_cancelled_run_says_why_and_names_no_step(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    with mute_dispatch():
        runs.cancel(run.pk, reason="asked for twice")
    Step.objects.filter(run=run, key="facts").update(
        status="failed", output_json=None, unreleased=False, reason="no"
    )
    text = text_of(operator.get(LIST))
    assert "asked for twice" in text
    assert "<b>facts</b>" not in text


def test_a_failed_run_names_the_step_that_ended_it_not_one_that_failed_before(operator: Client) -> None:
    run = play_letter(sender=refuse).run
    Step.objects.filter(run=run, key="facts").update(
        status="failed", output_json=None, unreleased=False, reason="no"
    )
    assert "<b>send</b>: ValueError: no such order" in text_of(operator.get(LIST))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("", {"done", "held", "failed", "fresh"}),
        ("succeeded", {"done"}),
        ("waiting", {"held"}),
        ("failed", {"failed"}),
        ("running", {"fresh"}),
        ("cancelled", set()),
    ],
)
def test_the_list_narrows_by_state(operator: Client, state: str, expected: set[str]) -> None:
    made = {
        "done": play_letter().run.pk,
        "held": play_letter(writer=doubt).run.pk,
        "failed": play_letter(sender=refuse).run.pk,
        "fresh": begin(LETTER, LETTER_AGENTS).pk,
    }
    assert _ids(operator.get(LIST, {"status": state} if state else {})) == {made[name] for name in expected}


def test_the_list_narrows_by_workflow_and_by_time(operator: Client) -> None:
    old, new = play_letter().run, play_letter().run
    Run.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(hours=3))

    assert _ids(operator.get(LIST, {"started": "hour"})) == {new.pk}
    assert _ids(operator.get(LIST, {"started": "day"})) == {old.pk, new.pk}
    assert _ids(operator.get(LIST, {"workflow": "letter"})) == {old.pk, new.pk}
    assert _ids(operator.get(LIST, {"workflow": "other"})) == set()


def test_a_state_choice_keeps_the_other_filters(operator: Client) -> None:
    play_letter()
    choices = operator.get(LIST, {"workflow": "letter", "status": "failed"}).context["cl"].state_choices
    assert {choice.tone: choice.url for choice in choices}["people"] == "?status=waiting&workflow=letter"
    assert [choice.tone for choice in choices if choice.is_shown] == ["failed"]
    assert choices[0].url == "?workflow=letter"


def test_search_finds_by_the_beginning_of_an_id_or_a_key(operator: Client) -> None:
    first, second = play_letter("mail-17").run, play_letter("post-4").run

    assert _ids(operator.get(LIST, {"q": str(first.pk)[:13]})) == {first.pk}
    assert _ids(operator.get(LIST, {"q": str(first.pk).upper()})) == {first.pk}
    assert _ids(operator.get(LIST, {"q": "mail-"})) == {first.pk}
    assert _ids(operator.get(LIST, {"q": "post-4"})) == {second.pk}
    assert _ids(operator.get(LIST, {"q": "ail-17"})) == set()
    assert _ids(operator.get(LIST, {"q": "x'; --"})) == set()


@pytest.mark.parametrize("name", ["q", "status", "workflow", "started", "p", "o", "nonsense"])
@pytest.mark.parametrize("value", ["-1", "'; --", "\u202e"])
def test_odd_questions_are_no_server_errors(operator: Client, name: str, value: str) -> None:
    play_letter()
    assert operator.get(LIST, {name: value}).status_code in {200, 302}


def test_a_task_id_pasted_from_flower_leads_to_its_step(operator: Client) -> None:
    run = play_letter().run
    attempt = Attempt.objects.get(run=run, step__key="draft")

    response = operator.get(LIST, {"q": f" {attempt.task_id} "})

    assert response.status_code == 302
    assert response["Location"] == reverse("admin:orchestration_run_step", args=(run.pk, "draft"))


def test_a_task_id_of_an_unknown_step_still_finds_the_run(operator: Client) -> None:
    run = play_letter().run
    assert _ids(operator.get(LIST, {"q": f"{run.pk}.999999999.1"})) == {run.pk}


def test_the_number_of_queries_does_not_grow_with_the_page(operator: Client) -> None:
    play_letter()
    with CaptureQueriesContext(connection) as one:
        operator.get(LIST)
    for _ in range(6):
        play_letter(writer=doubt)
    with CaptureQueriesContext(connection) as many:
        assert len(operator.get(LIST).context["cl"].result_list) == 7
    assert len(many) == len(one) <= 17


def test_the_list_loads_no_inputs_and_no_specs(operator: Client) -> None:
    play_letter()
    with CaptureQueriesContext(connection) as queries:
        operator.get(LIST)
    sql = "\n".join(query["sql"] for query in queries)
    assert "input_json" not in sql
    assert "spec_json" not in sql
    assert "output_json" not in sql


def test_paging_counts_no_further_than_its_bound(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 4)
    for _ in range(6):
        begin(LETTER, LETTER_AGENTS)
    with CaptureQueriesContext(connection) as queries:
        response = operator.get(LIST)
    counts = [
        query["sql"]
        for query in queries
        if "COUNT(" in query["sql"] and '"orchestration_run"' in query["sql"]
    ]
    assert response.context["cl"].result_count == 4
    assert response.context["cl"].paginator.is_capped
    assert "narrow the list to see older ones" in text_of(response)
    assert [("LIMIT 5" in sql) for sql in counts] == [True]


def test_pages_follow_each_other(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [begin(LETTER, LETTER_AGENTS).pk for _ in range(3)]
    monkeypatch.setattr("orchestration.admin.runs.RunAdmin.list_per_page", 2)
    first, second = operator.get(LIST), operator.get(LIST, {"p": 2})
    assert [run.pk for run in first.context["cl"].result_list] == [made[2], made[1]]
    assert [run.pk for run in second.context["cl"].result_list] == [made[0]]
    assert '<a class="text-primary-600" href="?p=2">Next</a>' in text_of(first)
    assert '<a class="text-primary-600" href="?p=1">Previous</a>' in text_of(second)


def test_rows_can_only_be_looked_at(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="pw"))
    run = play_letter().run
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}{run.pk}/delete/").status_code == 403
    assert client.post(f"{LIST}{run.pk}/change/", {"status": "failed"}).status_code == 405
    assert client.post(f"{LIST}{run.pk}/steps/draft/", {"status": "failed"}).status_code == 405
    assert (
        client.post(LIST, {"action": "delete_selected", "_selected_action": [str(run.pk)]}).status_code != 500
    )
    assert Run.objects.get(pk=run.pk).status == "succeeded"
    assert Step.objects.filter(run=run).count() == 3
