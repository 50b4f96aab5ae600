import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents import TransientError
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec
from orchestration.admin import run_sections
from orchestration.models import Attempt, Handoff, Run, Step, WorkerProcess
from tests.integration.orchestration_admin.conftest import sign_in, text_of
from tests.integration.orchestration_admin.scenes import (
    LETTER,
    LETTER_AGENTS,
    begin,
    doubt,
    fan_out,
    play,
    play_letter,
    refuse,
)
from tests.people import make_member

pytestmark = pytest.mark.django_db


def _open(client: Client, run: Run, **asked: str) -> Any:
    response = client.get(f"/admin/orchestration/run/{run.pk}/change/", asked)
    assert response.status_code == 200
    return response


def test_a_done_run_says_so_and_names_no_problem(operator: Client) -> None:
    run = play_letter("mail-17").run
    response = _open(operator, run)
    assert response.context["sentence"].startswith("Succeeded in ")
    assert response.context["sentence"].endswith(": 3 steps done.")
    assert response.context["problems"].shown == []
    assert "<dt>Key</dt><dd>mail-17</dd>" in text_of(response)


def test_a_held_step_stands_on_top_with_its_reason_and_its_ticket(reviewer: Client) -> None:
    run = play_letter(writer=doubt).run
    ticket = Ticket.objects.get(run=run)

    text = text_of(_open(reviewer, run))

    assert "Waiting for people: 1 of 3 steps done, 1 held." in text
    top = text[: text.index("Plan</h2>")]
    assert "the agent&#x27;s confidence is 0.50, below 0.70" in top
    assert f'href="/admin/escalation/ticket/{ticket.pk}/change/">Decide ticket {ticket.pk}</a>' in top
    assert '<span class="rm-mono">low_confidence</span>: the agent is not confident enough.' in top


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("viewer", "Ticket"),
        ("operator", "Ticket"),
        ("reviewer", "Decide ticket"),
        ("admin", "Decide ticket"),
    ],
)
def test_only_who_may_decide_a_ticket_is_asked_to(role: str, words: str) -> None:
    run = play_letter(writer=doubt).run
    ticket, client = Ticket.objects.get(run=run), sign_in(make_member("somebody", role))
    pages = (_open(client, run), client.get(f"/admin/orchestration/run/{run.pk}/steps/draft/"))
    for page in pages:
        links = re.findall(rf'<a class="([^"]+)" href="[^"]*">({words} {ticket.pk})</a>', text_of(page))
        is_asked = words == "Decide ticket"
        assert links == [("rm-button rm-primary" if is_asked else "rm-button", f"{words} {ticket.pk}")]


def test_a_failed_step_stands_on_top_with_its_traceback(operator: Client) -> None:
    run = play_letter(sender=refuse).run
    text = text_of(_open(operator, run))
    top = text[: text.index("Plan</h2>")]
    assert ", with 2 of 3 steps done." in top
    assert "ValueError: no such order" in top
    assert "<summary>Traceback</summary>" in top
    assert "raise ValueError" in top
    assert top.count("ValueError: no such order") == 2  # the reason, and the traceback's last line


def test_a_queue_that_nobody_reads_is_named(operator: Client) -> None:
    run = begin(LETTER, LETTER_AGENTS)
    assert "Nobody reads the queue “steps”." in text_of(_open(operator, run))

    WorkerProcess.objects.create(name="w", host="h", pid=1, queues=["steps"], agents=[], concurrency=1)

    assert "Nobody reads the queue" not in text_of(_open(operator, run))


def test_the_picture_links_every_step_in_the_colour_of_its_status(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    svg = _open(operator, run).context["picture"].svg
    nodes = dict(re.findall(r'<a class="rm-node rm-(\w+)" href="([^"]+)">', svg))
    steps = f"/admin/orchestration/run/{run.pk}/steps"
    assert nodes == {"succeeded": f"{steps}/facts/", "held": f"{steps}/draft/", "pending": f"{steps}/send/"}
    assert svg.count('<path class="rm-edge"') == 2


def test_a_wide_plan_is_folded_and_the_held_step_is_not(operator: Client) -> None:
    def part(task: Any) -> Any:
        return refuse(task) if task.step_key == "part-7" else {"n": 1}

    run = play(fan_out(32), {"test.part": part}).run
    folded, unfolded = _open(operator, run), _open(operator, run, unfold="1")

    assert "31 \N{MULTIPLICATION SIGN} part-*" in folded.context["picture"].svg
    assert folded.context["picture"].svg.count('class="rm-node ') == 4
    assert 'href="?show=steps&amp;find=part-#details"' in folded.context["picture"].svg
    assert f"/admin/orchestration/run/{run.pk}/steps/part-7/" in folded.context["picture"].svg
    assert unfolded.context["picture"].svg.count('class="rm-node ') == 34


def test_no_page_has_inline_styles_or_scripts(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    for show in run_sections.SECTIONS:
        page = _open(operator, run, show=show).content.decode()
        content = page[page.index('<nav class="rm-crumbs"') : page.index("unfold/js/simplebar")]
        content = content[: content.rindex('id="details"')]
        assert not re.search(r"<style|<script| style=| on\w+=", content)


def test_every_moment_of_a_run_is_told_in_the_viewers_zone(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    for show in run_sections.SECTIONS:
        page = _open(operator, run, show=show).content.decode()
        # What `times.js` writes anew: moments, and words around one. Fields in which moments are written are in UTC.
        written = r'<label>[^<]*<input type="datetime-local"[^>]*>'
        moments = rf"<time\b.*?</time>|<(\w+)[^>]* data-at=[^>]*>.*?</\1>|{written}"
        left = re.sub(moments, "", page, flags=re.DOTALL)
        assert left != page
        assert "UTC" not in left, show


def test_the_table_of_steps(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    lines = _open(operator, run).context["section"]["lines"]
    assert [(line.row.key, line.row.status, line.row.attempt, line.worker) for line in lines] == [
        ("facts", "succeeded", 1, "in-process"),
        ("draft", "held", 1, "in-process"),
        ("send", "pending", 0, ""),
    ]
    assert [bool(line.ticket) for line in lines] == [False, True, False]
    assert [bool(line.took) for line in lines] == [True, True, False]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"status": "held"}, ["draft"]),
        ({"find": "s"}, ["send"]),
        ({"find": "s", "status": "held"}, []),
        ({"find": "%"}, []),
        ({"page": "2"}, []),
        ({"page": "-1"}, ["facts", "draft", "send"]),
        ({"page": "9" * 30}, ["facts", "draft", "send"]),
        ({"page": "²"}, ["facts", "draft", "send"]),
        ({"show": "nonsense"}, ["facts", "draft", "send"]),
    ],
)
def test_the_table_of_steps_narrows(operator: Client, asked: dict[str, str], expected: list[str]) -> None:
    run = play_letter(writer=doubt).run
    section = _open(operator, run, **asked).context["section"]
    assert [line.row.key for line in section["lines"]] == expected


def test_attempts_and_decisions_in_words(operator: Client, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FLOWER_URL": "http://flower.test:5555/"}
    tries = iter([TransientError("busy", retry_after_seconds=3), None])

    def sender(_task: Any) -> Any:
        fault = next(tries)
        if fault:
            raise fault
        return {"sent": True}

    run = play_letter(sender=sender).run
    response = _open(operator, run, show="attempts")
    seen = [
        (a.step_key, a.row.number, a.row.outcome, a.decision.words)
        for a in response.context["section"]["attempts"]
    ]
    assert seen == [
        ("facts", 1, "answered", "Accepted: no confidence was asked for, and none stated"),
        ("draft", 1, "answered", "Accepted: the agent is confident enough"),
        ("send", 1, "failed", "To be tried again: the provider said when to come back"),
        ("send", 2, "answered", "Accepted: no confidence was asked for, and none stated"),
    ]
    text = text_of(response)
    attempt = Attempt.objects.get(run=run, step__key="draft")
    assert f'href="http://flower.test:5555/task/{attempt.task_id}"' in text
    assert f'href="/admin/orchestration/workerprocess/{attempt.process_id}/change/">in-process</a>' in text
    assert "confidence 0.93" in text
    assert "TransientError: busy" in text


def test_without_flower_there_is_no_link_to_it(operator: Client, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FLOWER_URL": ""}
    run = play_letter().run
    assert "Flower" not in text_of(_open(operator, run, show="attempts"))


def test_handoffs_show_what_was_shortened(operator: Client) -> None:
    spec = WorkflowSpec(
        name="digest",
        steps=(StepSpec("read", agent="t.read"), StepSpec("sum", agent="t.sum", needs=("read",))),
    )
    words = " ".join(f"Sentence {i} tells of order {i}." for i in range(1500))
    run = play(spec, {"t.read": lambda _task: {"text": words}, "t.sum": lambda _task: {}}).run
    handoff = Handoff.objects.get(run=run)

    text = text_of(_open(operator, run, show="handoffs"))

    assert f"{handoff.tokens_before} → {handoff.tokens_after}" in text
    assert handoff.tokens_after <= 4000 < handoff.tokens_before
    assert f"<td>{handoff.summarised_by}</td>" in text
    assert f'title="{handoff.digest}">{handoff.digest[:12]}</td>' in text


def test_the_history_is_in_order(operator: Client) -> None:
    run = play_letter().run
    lines = _open(operator, run, show="history").context["section"]["lines"]
    assert [(line.words, line.row.step and line.row.step.key) for line in lines] == [
        ("run started", None),
        ("step claimed", "facts"),
        ("step succeeded", "facts"),
        ("step claimed", "draft"),
        ("step succeeded", "draft"),
        ("step claimed", "send"),
        ("step succeeded", "send"),
        ("run closed", None),
    ]
    assert [line.row.pk for line in lines] == sorted(line.row.pk for line in lines)


def test_long_sections_come_in_pages(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_sections, "_LINES_PER_PAGE", 5)
    run = play_letter().run
    first, second = _open(operator, run, show="history"), _open(operator, run, show="history", page="2")
    assert (len(first.context["section"]["lines"]), len(second.context["section"]["lines"])) == (5, 3)
    assert 'href="?show=history&amp;page=2#details">Next</a>' in text_of(first)
    assert "<span>6\N{EN DASH}8</span>" in text_of(second)


def test_input_and_results_are_readable_json(operator: Client) -> None:
    run = play_letter().run
    page = _open(operator, run, show="data").content.decode()
    assert "{\n  &quot;text&quot;: &quot;Where is my lamp?&quot;\n}" in page
    assert "{\n  &quot;sent&quot;: true\n}" in page


def test_the_proof_is_recomputed_only_when_asked(operator: Client) -> None:
    run = play_letter().run
    assert _open(operator, run, show="proof").context["section"]["verdict"] is None

    text = text_of(_open(operator, run, show="proof", verify="now"))
    assert '<span class="rm-chip rm-holds">holds</span> 3 receipts and 2 hand-offs fit' in text

    Step.objects.filter(run=run, key="draft").update(output_json='{"body":"Dear Eve"}')
    text = text_of(_open(operator, run, show="proof", verify="now"))
    assert '<span class="rm-chip rm-fault">does not hold</span>' in text
    assert "draft" in text[text.index("does not hold") :]


@pytest.mark.parametrize("show", list(run_sections.SECTIONS))
def test_the_number_of_queries_does_not_grow_with_the_plan(operator: Client, show: str) -> None:
    def part(task: Any) -> Any:
        return refuse(task) if task.step_key == "part-1" else {"n": 1}

    small = play(fan_out(2), {"test.part": part}).run
    large = play(fan_out(25), {"test.part": part}).run
    _open(operator, small, show=show)
    with CaptureQueriesContext(connection) as few:
        _open(operator, small, show=show)
    with CaptureQueriesContext(connection) as many:
        _open(operator, large, show=show)
    assert len(many) == len(few) <= 32


def test_the_step_page_asks_no_more_for_more_attempts(operator: Client) -> None:
    tries = iter([TransientError("busy"), TransientError("busy"), None, None])

    def sender(_task: Any) -> Any:
        fault = next(tries)
        if fault:
            raise fault
        return {}

    thrice, once = play_letter(sender=sender).run, play_letter().run
    with CaptureQueriesContext(connection) as few:
        operator.get(f"/admin/orchestration/run/{once.pk}/steps/send/")
    with CaptureQueriesContext(connection) as many:
        page = operator.get(f"/admin/orchestration/run/{thrice.pk}/steps/send/")
    assert [attempt.row.number for attempt in page.context["attempts"]] == [3, 2, 1]
    assert len(many) == len(few) <= 28
