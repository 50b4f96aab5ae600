"""An operator's way through the console: list, run, step, worker, and back from Flower."""

from typing import Any

import pytest
from playwright.sync_api import expect

from orchestration.models import Attempt, Run
from tests.browser.conftest import Console
from tests.integration.orchestration_admin.scenes import doubt, play_letter

RUNS = "/admin/orchestration/run/"


def _evil(_task: Any) -> Any:
    return {"text": "<script>window.intruder = 1</script><img src=x onerror='window.intruder = 2'>\u202e"}


# Runs are made before the browser opens: it keeps an event loop in this thread, where Django refuses queries.
@pytest.fixture
def held_run(transactional_db: None) -> Run:
    return play_letter("mail-17", writer=doubt).run


@pytest.fixture
def evil_run(transactional_db: None) -> Run:
    return play_letter(facts=_evil).run


@pytest.fixture
def attempt(transactional_db: None) -> Attempt:
    return Attempt.objects.get(run=play_letter().run, step__key="send")


def test_from_the_list_to_the_worker(held_run: Run, console: Console) -> None:
    page, run = console.page, held_run
    console.open(RUNS)

    page.get_by_role("link", name="waiting for people").first.click()
    page.get_by_role("link", name=str(run.pk)[:8]).click()
    expect(page.get_by_text("Waiting for people: 1 of 3 steps done, 1 held.")).to_be_visible()

    box = page.locator("svg.rm-picture a.rm-held")
    expect(box).to_be_visible()
    colour = box.locator("rect").evaluate("box => getComputedStyle(box).fill")
    assert colour == "rgb(254, 243, 199)"

    box.click()
    page.wait_for_url(f"**/run/{run.pk}/steps/draft/")
    expect(page.get_by_role("heading", name="Proposed by the agent")).to_be_visible()

    page.get_by_role("link", name="in-process").click()
    page.wait_for_url("**/workerprocess/*/change/")
    expect(page.get_by_role("heading", name="Latest attempts")).to_be_visible()
    page.get_by_role("link", name="draft").click()

    page.get_by_role("link", name="Decide ticket").click()
    page.wait_for_url("**/escalation/ticket/*/change/")
    page.wait_for_load_state("networkidle")
    assert "\n".join(console.complaints) == ""


def test_every_section_opens_and_nothing_an_agent_wrote_runs(evil_run: Run, console: Console) -> None:
    page, run = console.page, evil_run
    console.open(f"{RUNS}{run.pk}/change/")
    for name in ("Attempts and decisions", "Hand-offs", "History", "Input and results", "Proof", "Steps"):
        page.get_by_role("navigation", name="Details").get_by_role("link", name=name).click()
        page.wait_for_load_state("networkidle")
        expect(page.locator(".rm-tab[aria-current]")).to_have_text(name)
    console.open(f"{RUNS}{run.pk}/steps/facts/")
    expect(page.get_by_text("[U+202E]").first).to_be_visible()
    assert page.evaluate("() => window.intruder") is None
    assert "\n".join(console.complaints) == ""


def test_a_task_id_from_flower_leads_back(attempt: Attempt, console: Console) -> None:
    console.open(RUNS)
    console.page.fill("input[name=q]", attempt.task_id)
    console.page.press("input[name=q]", "Enter")
    console.page.wait_for_url(f"**/run/{attempt.run_id}/steps/send/")


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_the_screen(held_run: Run, console: Console, width: int) -> None:
    run = held_run
    console.page.set_viewport_size({"width": width, "height": 900})
    for path in (f"{RUNS}{run.pk}/change/", f"{RUNS}{run.pk}/steps/draft/"):
        console.open(path)
        overhang = console.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert (path, overhang <= 0) == (path, True)
