"""Pages of runs whose plans grew: pictures, timelines, what went wrong further down, kin, and thousands of items."""

import html
import re
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orchestration import runs
from orchestration.admin import run_sections
from orchestration.admin.chips import chip
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run, Step
from orchestration.selectors.progress import list_runs
from tests.integration.orchestration_admin.conftest import text_of
from tests.integration.orchestration_admin.growing_scenes import (
    ASKING_BRANCH,
    find_child,
    grow_many,
    play_gated,
    play_inquiry,
    play_pages,
    play_tree,
)
from tests.integration.orchestration_admin.scenes import doubt, play_letter, refuse

pytestmark = pytest.mark.django_db
TIMES = "\N{MULTIPLICATION SIGN}"


def _open(client: Client, run: Run, **asked: str) -> Any:
    response = client.get(f"/admin/orchestration/run/{run.pk}/change/", asked)
    assert response.status_code == 200
    return response


def _boxes(response: Any) -> dict[str, str]:
    """Return the status of each box of the picture by its label."""
    boxes = re.findall(
        r'class="rm-node rm-(\w+)[^"]*".*?rm-node-key"[^>]*>([^<]+)<', response.context["picture"].svg
    )
    return {label: status for status, label in boxes}


def test_items_are_one_box_and_those_in_trouble_stand_beside_it(operator: Client) -> None:
    run = play_pages(12, fetch=lambda task: doubt(task) if task.index == 5 else {"n": 1}).run
    response = _open(operator, run)
    assert _boxes(response) == {
        "search": "succeeded",
        "fetch": "waiting",
        f"11 {TIMES} fetch[*]": "succeeded",
        "fetch[5]": "held",
        "sum": "pending",
    }
    assert "waiting for its items" in response.context["picture"].svg
    assert 'href="?show=steps&amp;find=fetch%5B#details"' in response.context["picture"].svg


def test_spawned_steps_are_boxes_between_who_spawned_them_and_what_follows(operator: Client) -> None:
    run = play_inquiry().run
    response = _open(operator, run)
    assert len(_boxes(response)) == 10
    page = operator.get(f"/admin/orchestration/run/{run.pk}/steps/coordinate/ask-4/")
    assert page.status_code == 200
    assert page.context["parent"][0] == "coordinate"
    assert page.context["grown"][0] == "2 succeeded"
    assert "<dt>Waits for</dt><dd>nothing" in text_of(page)


def _lines(response: Any) -> list[tuple[str, int]]:
    return [(line.row.key, line.depth) for line in response.context["section"]["lines"]]


def test_the_table_has_each_step_below_the_one_that_grew_it(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play_inquiry().run
    asked = [(f"coordinate/ask-{n}", 1) for n in range(5)]
    split = [(f"coordinate/ask-4/{side}", 2) for side in ("left", "right")]
    expected = [("coordinate", 0), *asked, *split, ("analyse", 0), ("report", 0)]
    response = _open(operator, run)
    assert _lines(response) == expected
    assert re.findall(r'class="rm-below-(\d)"', text_of(response)) == ["1"] * 5 + ["2"] * 2
    monkeypatch.setattr(run_sections, "_STEPS_PER_PAGE", 4)
    pages = [_lines(_open(operator, run, show="steps", page=str(number))) for number in (1, 2, 3)]
    assert [line for page in pages for line in page] == expected
    assert _lines(_open(operator, run, find="coordinate/ask-4")) == [asked[4], *split]


def test_the_table_has_former_generations_before_the_present_one_and_items_by_number(
    operator: Client,
) -> None:
    verdicts = iter(["FAIL", "PASS"])
    gated = play_gated(
        facts=lambda _task: {"verdict": next(verdicts), "reasons": ["the number is wrong"]}
    ).run
    assert [key for key, _ in _lines(_open(operator, gated))] == [
        "draft",
        "draft?0",
        "draft?1",
        "draft~1?0",
        "draft~1?1",
        "send",
    ]
    pages = play_pages(12).run
    items = [(f"fetch[{n}]", 1) for n in range(12)]
    assert _lines(_open(operator, pages)) == [("search", 0), ("fetch", 0), *items, ("sum", 0)]


def test_former_generations_are_on_the_timeline_and_not_in_the_plan(operator: Client) -> None:
    verdicts = iter(["FAIL", "PASS"])
    run = play_gated(facts=lambda _task: {"verdict": next(verdicts), "reasons": ["the number is wrong"]}).run
    response = _open(operator, run)
    assert set(_boxes(response)) == {"draft", "test.tone", "test.facts", "send"}
    assert "<title>draft~1?0: succeeded" in response.context["picture"].svg
    lanes = re.findall(r'class="rm-lane[^>]*>([^<]+)<', response.context["timeline"].svg)
    assert lanes == ["draft", "test.tone", "test.facts", "test.tone", "test.facts", "send"]
    tries = re.findall(r"<title[^>]*>attempt (\d): (\w+)", response.context["timeline"].svg)
    assert tries[:4] == [("1", "answered"), ("2", "collected"), ("3", "answered"), ("4", "collected")]


def test_a_step_that_grew_others_is_not_said_to_have_taken_as_long_as_their_collection(
    operator: Client,
) -> None:
    response = _open(operator, play_gated().run)
    svg = response.context["picture"].svg
    notes = dict(re.findall(r'rm-node-key"[^>]*>([^<]+)<.*?rm-node-note"[^>]*>([^<]+)<', svg))
    assert notes["draft"] == "succeeded"
    assert re.fullmatch(r"succeeded .+ m?s", html.unescape(notes["send"]))
    took = {line.row.key: bool(line.took) for line in response.context["section"]["lines"]}
    assert took == {"draft": False, "draft?0": True, "draft?1": True, "send": True}


def test_the_step_that_failed_three_runs_below_stands_on_top(operator: Client) -> None:
    run = play_tree(leaf=refuse).run
    leaf = find_child(find_child(run))
    response = _open(operator, run)
    shown = response.context["problems"].shown
    assert [(problem.key, problem.run_name) for problem in shown] == [("tell", str(leaf))]
    assert shown[0].url == f"/admin/orchestration/run/{leaf.pk}/steps/tell/"
    top = text_of(response).partition("Plan</h2>")[0]
    assert "ValueError: no such order" in top
    assert f'in the child run <a href="/admin/orchestration/run/{leaf.pk}/change/">{leaf}</a>' in top


def test_where_a_person_decides_over_a_failed_child_run_is_told_beside_what_failed(reviewer: Client) -> None:
    run = play_tree(ASKING_BRANCH, leaf=refuse).run
    response = _open(reviewer, run)
    shown = response.context["problems"].shown
    assert [(problem.key, problem.status, bool(problem.ticket)) for problem in shown] == [
        ("tell", chip("failed"), False),
        ("ask-leaf", chip("held"), True),
    ]
    assert f"Decide ticket {shown[1].ticket.number}" in text_of(response).partition("Plan</h2>")[0]


def test_a_run_whose_child_run_waits_for_people_waits_for_them_too(operator: Client) -> None:
    run = play_tree(ASKING_BRANCH, leaf=refuse).run
    assert _open(operator, run).context["sentence"] == (
        "Waiting for people: 1 of 3 steps done, the rest waits for a child run."
    )
    assert [line.run.pk for line in list_runs("tree", "waiting", 10)] == [run.pk]
    branch = find_child(run)
    Step.objects.filter(run=branch, key="prepare").update(status="available", finished_at=None)
    assert [line.run.state for line in list_runs("tree", None, 10)] == ["running"]
    # What can't be claimed does not move either.
    Run.objects.filter(pk=branch.pk).update(status="paused")
    assert [line.run.state for line in list_runs("tree", None, 10)] == ["waiting"]


def test_parent_and_child_lead_to_each_other(operator: Client) -> None:
    run = play_tree().run
    branch = find_child(run)
    leaf = find_child(branch)

    plan = _open(operator, run).context["picture"].svg
    assert (
        f'class="rm-node rm-succeeded rm-child" href="/admin/orchestration/run/{branch.pk}/change/"' in plan
    )
    children = text_of(_open(operator, run, show="children"))
    assert f'<a class="rm-key" href="/admin/orchestration/run/{branch.pk}/change/">{branch}</a>' in children

    text = text_of(_open(operator, leaf))
    assert (
        f'<dt>Child run of</dt><dd><a href="/admin/orchestration/run/{branch.pk}/change/">{branch}</a>'
        in text
    )
    assert f'href="/admin/orchestration/run/{branch.pk}/steps/ask-leaf/">ask-leaf</a>' in text
    assert (
        f'<dt>Top of the tree</dt><dd><a href="/admin/orchestration/run/{run.pk}/change/">{run}</a>' in text
    )
    step = text_of(operator.get(f"/admin/orchestration/run/{run.pk}/steps/ask-branch/"))
    assert (
        f'<dt>Child run</dt><dd><a href="/admin/orchestration/run/{branch.pk}/change/">{branch}</a>' in step
    )


def test_a_fork_and_its_origin_lead_to_each_other(operator: Client) -> None:
    run = play_letter().run
    with mute_dispatch():
        fork = runs.fork(run.pk, "draft")
    assert (
        f'<dt>Forked from</dt><dd><a href="/admin/orchestration/run/{run.pk}/change/">{run}</a> at draft'
        in text_of(_open(operator, fork))
    )
    assert (
        f'<dt>Forks</dt><dd><a href="/admin/orchestration/run/{fork.pk}/change/">{fork}</a> at draft'
        in text_of(_open(operator, run))
    )


def test_steps_that_failed_alike_are_told_once(operator: Client) -> None:
    run = play_pages(9, fetch=refuse).run
    problems = _open(operator, run).context["problems"]
    assert [(problem.key, len(problem.others)) for problem in problems.shown] == [("fetch[0]", 8)]
    assert problems.shown[0].others[0] == (
        "fetch[1]",
        f"/admin/orchestration/run/{run.pk}/steps/fetch%5B1%5D/",
    )
    assert problems.more == []


@pytest.mark.parametrize(
    ("waits_for", "words"),
    [
        ("agent", "has the agent “test.writer”. Start a worker"),
        ("pool", "All slots of the pool “gpu” are taken"),
        ("slot", "It has its turn for the pool “gpu”"),
        ("breaker", "The agent “test.writer” failed too often"),
        ("deadline", "The run is past its deadline"),
    ],
)
def test_what_a_step_waits_for_is_told(operator: Client, waits_for: str, words: str) -> None:
    run = play_letter(writer=doubt).run
    Step.objects.filter(run=run, key="draft").update(
        status="available", waits_for=waits_for, pools={"gpu": 1}
    )
    top = text_of(_open(operator, run)).partition("Plan</h2>")[0]
    assert words in top
    assert ("Start a worker" in top) is (waits_for == "agent")


def test_a_paused_run_says_so_on_page_and_timeline(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    runs.pause(run.pk)
    response = _open(operator, run)
    assert response.context["sentence"].startswith("Paused: 1 of 3 steps done, 1 held.")
    assert '<span class="rm-chip rm-paused">paused</span>' in text_of(response)
    assert '<text class="rm-mark-text' in response.context["timeline"].svg


def test_only_what_changes_is_sent_to_a_page_that_is_open(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    page = _open(operator, run).content.decode()
    parts = _open(operator, run, part="live").content.decode()
    names = re.findall(r'data-live="(\w+)"', page)
    assert names == ["state", "problems", "plan", "timeline", "details"]
    assert re.findall(r'data-live="(\w+)"', parts) == names
    assert "<html" not in parts
    assert re.search(rf'data-live-stream="/api/v1/runs/{run.pk}/stream" data-live-cursor="\d+\.0"', page)
    done = _open(operator, play_letter().run).content.decode()
    assert "data-live-stream" not in done


def test_the_timeline_opens_where_an_eye_is_needed(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.admin.time_spent.LANES_PER_PAGE", 2)
    run = play_letter(sender=refuse).run
    shown = _open(operator, run).context["timeline"]
    assert (shown.number, shown.pages) == (2, 2)
    first = _open(operator, run, lanes="1").context["timeline"]
    assert re.findall(r'class="rm-lane[^>]*>([^<]+)<', first.svg) == ["facts", "draft"]
    assert _open(operator, run, lanes="99").context["timeline"].number == 2
    assert _open(operator, run, lanes="²").context["timeline"].number == 2


def test_ten_thousand_items_are_a_small_page_that_opens_at_once(operator: Client) -> None:
    run = grow_many(10_000)
    _open(operator, run)
    begun = time.process_time()
    with CaptureQueriesContext(connection) as queries:
        response = _open(operator, run)
    spent = time.process_time() - begun

    assert len(response.content) < 200_000
    assert spent < 2
    assert len(queries) <= 32
    assert sum(float(query["time"]) for query in queries) < 2
    boxes = _boxes(response)
    assert boxes["fetch"] == "waiting"
    assert sum(TIMES in label for label in boxes) == 2
    assert "9,991 of 10,003 steps done, 10 held" in text_of(response)
