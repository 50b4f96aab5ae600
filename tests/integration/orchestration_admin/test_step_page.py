"""What agents wrote is text: escaped, and nothing in it unseen."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from agents import Result
from agents.domain.calls import CallKind, CallWish
from agents.domain.usage import CallUsage
from orchestration import runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Pot, Run, Step
from tests.integration.orchestration_admin.conftest import text_of
from tests.integration.orchestration_admin.scenes import doubt, play_letter

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>\u202e0001\u202c a\u200bda \u2066x\u2069"
SHOWN = (
    '&lt;script&gt;alert(1)&lt;/script&gt;<span class="rm-unseen">[U+202E]</span>0001'
    '<span class="rm-unseen">[U+202C]</span> a<span class="rm-unseen">[U+200B]</span>da '
    '<span class="rm-unseen">[U+2066]</span>x<span class="rm-unseen">[U+2069]</span>'
)
UNSEEN = "\u202e\u202c\u200b\u2066\u2069"


def _step(client: Client, run: Run, key: str) -> Any:
    response = client.get(f"/admin/orchestration/run/{run.pk}/steps/{key}/")
    assert response.status_code == 200
    return response


def _evil_answer(_task: Any) -> Any:
    return Result({"<b>key</b>": EVIL}, confidence=0.9)


def _evil_failure(_task: Any) -> Any:
    raise ValueError(EVIL)


def test_a_step_shows_its_output_neighbours_and_history(operator: Client) -> None:
    run = play_letter().run
    response = _step(operator, run, "draft")
    text = text_of(response)
    assert "<h2>Output</h2>" in text
    assert "&quot;body&quot;: &quot;Dear Ada&quot;" in text
    assert [key for key, _ in response.context["before"]] == ["facts"]
    assert [key for key, _ in response.context["after"]] == ["send"]
    assert [line.row.from_step.key for line in response.context["received"]] == ["facts"]
    assert [line.row.to_step.key for line in response.context["passed_on"]] == ["send"]
    assert [line.words for line in response.context["events"]] == ["step claimed", "step succeeded"]


def test_a_held_step_shows_what_was_proposed(reviewer: Client) -> None:
    text = text_of(_step(reviewer, play_letter(writer=doubt).run, "draft"))
    assert "<h2>Proposed by the agent</h2>" in text
    assert "<h2>Output</h2>" not in text
    assert "Decide ticket" in text


def test_a_step_that_was_not_tried_says_so(operator: Client) -> None:
    text = text_of(_step(operator, play_letter(writer=doubt).run, "send"))
    assert "Not tried yet." in text
    assert "None yet." in text


@pytest.mark.parametrize("key", ["nosuch", "dra%E2%80%AEft"])
def test_an_unknown_step_is_not_found(operator: Client, key: str) -> None:
    run = play_letter().run
    assert operator.get(f"/admin/orchestration/run/{run.pk}/steps/{key}/").status_code == 404


def test_output_is_text(operator: Client) -> None:
    run = play_letter(writer=_evil_answer).run
    page = _step(operator, run, "draft").content.decode()
    assert SHOWN in page
    assert "&lt;b&gt;key&lt;/b&gt;" in page
    assert "<script>alert" not in page
    assert "<b>key</b>" not in page
    assert not set(UNSEEN) & set(page)


@pytest.mark.parametrize("show", ["steps", "attempts", "handoffs", "history", "data", "proof"])
def test_errors_reasons_and_tracebacks_are_text(operator: Client, show: str) -> None:
    run = play_letter(sender=_evil_failure).run
    page = operator.get(f"/admin/orchestration/run/{run.pk}/change/", {"show": show}).content.decode()
    assert SHOWN in page
    assert "<script>alert" not in page
    assert not set(UNSEEN) & set(page)


# The second would not be JSON any more if it were masked as a whole; the third is JSON within JSON.
_SECRETS = (
    "password=hunter2hunter2",
    "-----BEGIN PRIVATE KEY-----\nhunter2",
    '{"password": "hunter2hunter2"}',
)


def _call_evil(task: Any) -> Any:
    def fail() -> None:
        raise ConnectionError(EVIL)

    if task.attempt == 1:
        task.once("fails", fail)
    return task.once("evil", lambda said, *_secrets: {"<b>key</b>": said}, EVIL, *_SECRETS)


@pytest.mark.parametrize("place", ["steps/send/", "change/?show=calls"])
def test_what_was_called_is_text_without_secrets(operator: Client, place: str) -> None:
    run = play_letter(sender=_call_evil).run
    page = operator.get(f"/admin/orchestration/run/{run.pk}/{place}").content.decode()
    calls = page[page.index("fails#1") :]
    assert "evil#1" in calls
    assert calls.count(SHOWN) >= 3  # asked, answered, and why the first try failed
    assert "hunter2" not in page
    assert "<script>alert" not in page
    assert "<b>key</b>" not in page
    assert not set(UNSEEN) & set(page)
    assert f"/steps/send/#attempt-{Step.objects.get(run=run, key='send').attempt}" in calls


def _ask_model(task: Any) -> Any:
    wish = CallWish("model#1", CallKind.ONCE, "model", "[]")
    begun = task.calls.journal.begin(wish)
    task.calls.journal.end(
        wish, begun, '"said"', CallUsage(120, 30, 80, 0, 20, 1_500, "openai", "<b>m</b>", "r1", "stop")
    )


def test_what_a_call_used_is_shown_wherever_calls_are(operator: Client, capsys: Any) -> None:
    run = play_letter(sender=_ask_model).run
    words = "120 tokens in (80 cached), 30 tokens out (20 reasoning), 0.0015 US dollars, openai/"
    for place in ("steps/send/", "change/?show=calls"):
        page = operator.get(f"/admin/orchestration/run/{run.pk}/{place}").content.decode()
        assert f"{words}&lt;b&gt;m&lt;/b&gt;, finished: stop" in page
    call_command("show_run", str(run.pk))
    assert words in capsys.readouterr().out
    used = operator.get(f"/api/v1/runs/{run.pk}/calls").json()["results"][0]["usage"]
    assert used == {
        "input_tokens": 120,
        "output_tokens": 30,
        "cache_read_tokens": 80,
        "cache_write_tokens": 0,
        "reasoning_tokens": 20,
        "cost_usd": "0.0015",
        "provider": "openai",
        "model": "<b>m</b>",
        "response_id": "r1",
        "finish_reason": "stop",
    }


def test_budgets_of_a_tree_are_bars(operator: Client) -> None:
    run = play_letter(sender=_ask_model).run
    url = f"/admin/orchestration/run/{run.pk}/change/?show=budget"
    assert "No run of this tree has a budget." in operator.get(url).content.decode()
    Pot.objects.create(
        run=run, unit="tokens", limit=1_000, opened_with=1_000, spent=850, lost=100, reserved=50, overrun=3
    )
    page = operator.get(url).content.decode()
    assert "0 tokens left of 1,000 tokens, used up" in page
    for name, amount in (("Spent", 850), ("Lost", 100), ("Reserved", 50)):
        assert f'<progress class="rm-bar" max="1000" value="{amount}" aria-label="{name}"></progress>' in page
    assert "<dt>Beyond the limit</dt><dd>3 tokens</dd>" in page


def test_many_calls_come_page_by_page(operator: Client) -> None:
    run = play_letter(sender=lambda task: [task.once("part", lambda: 1) for _ in range(60)]).run
    first = _step(operator, run, "send")
    assert len(first.context["calls"]) == 50
    after = first.context["calls_after"]
    rest = operator.get(f"/admin/orchestration/run/{run.pk}/steps/send/?calls={after}")
    assert [call.row.path for call in rest.context["calls"]][:1] == ["part#51"]
    assert len(rest.context["calls"]) == 10
    for odd in ("x", "-1", "9" * 40, "²"):
        assert operator.get(f"/admin/orchestration/run/{run.pk}/steps/send/?calls={odd}").status_code == 200


def test_the_lists_show_agents_words_as_text(operator: Client) -> None:
    run = play_letter(sender=_evil_failure).run
    process = Run.objects.get(pk=run.pk).steps.get(key="send").attempts.get().process_id
    for path in ("run/", f"workerprocess/{process}/change/"):
        page = operator.get(f"/admin/orchestration/{path}").content.decode()
        assert SHOWN in page
        assert "<script>alert" not in page
        assert not set(UNSEEN) & set(page)


def test_a_very_long_output_is_cut(operator: Client) -> None:
    run = play_letter(writer=lambda _task: {"text": "é" * 300_000}).run
    page = _step(operator, run, "draft").content.decode()
    assert "more characters" in page
    assert page.count("é") < 110_000
    assert Step.objects.get(run=run, key="draft").output["text"] == "é" * 300_000


def test_who_decided_after_the_policy_had_escalated_stands_with_its_decision(operator: Client) -> None:
    run = play_letter(writer=doubt).run
    step = Step.objects.get(run=run, key="draft")
    assert "Then ada" not in text_of(_step(operator, run, "draft"))

    runs.resolve_step(step.pk, kind=ResolutionKind.APPROVE, actor="ada", resolution_id="1")

    assert "Then ada approved it, as it was." in text_of(_step(operator, run, "draft"))
