"""The run's page follows the run without a reload, takes orders, and says when it can't follow."""

import re

import pytest
from playwright.sync_api import Route, expect

from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.models import Run
from orchestration.testing import drive
from tests.browser.conftest import Console, elsewhere
from tests.integration.orchestration_admin.scenes import (
    LETTER,
    LETTER_AGENTS,
    Fakes,
    begin,
    doubt,
    play,
    refuse,
)

LIVE = ".rm-live[data-state=on]"


@pytest.fixture
def run(transactional_db: None) -> Run:
    return begin(LETTER, LETTER_AGENTS)


@pytest.fixture
def failed_run(transactional_db: None) -> Run:
    """A run of a long chain that failed in its tenth step."""
    keys = [f"s{n}" for n in range(12)]
    steps = tuple(
        StepSpec(key, agent=f"test.{key}", needs=keys[max(n - 1, 0) : n], on_failure="abort")
        for n, key in enumerate(keys)
    )
    agents: Fakes = {f"test.{key}": lambda _task: 1 for key in keys} | {"test.s9": refuse}
    return play(WorkflowSpec(name="long", steps=steps), agents).run


def test_the_page_follows_the_run_and_its_buttons_work(run: Run, console: Console) -> None:
    page = console.page
    console.open_live(f"/admin/orchestration/run/{run.pk}/change/")
    expect(page.locator(LIVE)).to_be_visible()
    expect(page.locator("svg.rm-picture .rm-available")).to_have_count(1)
    page.evaluate("() => { window.sameDocument = true; }")

    agents = LETTER_AGENTS | {"test.writer": doubt}
    elsewhere(lambda: drive(run.pk, agents=agents))

    expect(page.locator("svg.rm-picture a.rm-succeeded")).to_have_count(1)
    expect(page.locator("svg.rm-picture a.rm-held")).to_have_count(1)
    expect(page.get_by_text("Waiting for people: 1 of 3 steps done, 1 held.")).to_be_visible()
    expect(page.get_by_role("link", name="Decide ticket")).to_be_visible()
    expect(page.locator("svg.rm-timeline .rm-tone-held")).to_have_count(1)
    colour = page.locator("svg.rm-picture a.rm-held rect").evaluate("box => getComputedStyle(box).fill")
    assert colour == "rgb(254, 243, 199)"
    assert page.evaluate("() => window.sameDocument") is True

    elsewhere(lambda: runs.pause(run.pk))
    expect(page.get_by_text("Paused: 1 of 3 steps done")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    page.get_by_label("Why").fill("nobody waits for it any more")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url(f"**/run/{run.pk}/change/")
    expect(page.get_by_text("Cancel: the run is cancelled now.")).to_be_visible()
    expect(page.get_by_text("nobody waits for it any more").first).to_be_visible()
    assert "\n".join(console.complaints) == ""


def test_without_the_stream_the_page_says_so_and_comes_back_when_it_does(run: Run, console: Console) -> None:
    page = console.page
    refused: list[str] = []

    def refuse_twice(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=503, body="{}")
        else:
            route.continue_()

    page.route("**/stream?after=*", refuse_twice)
    console.open_live(f"/admin/orchestration/run/{run.pk}/change/")

    expect(page.locator(".rm-live[data-state=off]")).to_contain_text("Live updates are unavailable")
    elsewhere(lambda: drive(run.pk, agents=LETTER_AGENTS))

    expect(page.get_by_text(re.compile(r"Succeeded in .*: 3 steps done\."))).to_be_visible(timeout=20_000)
    assert len(refused) == 2
    expect(page.locator(".rm-live")).to_be_hidden()


@pytest.mark.parametrize("width", [700, 1440])
def test_a_plan_wider_than_the_page_opens_where_it_failed(
    failed_run: Run, console: Console, width: int
) -> None:
    page = console.page
    page.set_viewport_size({"width": width, "height": 900})
    console.open(f"/admin/orchestration/run/{failed_run.pk}/change/")
    plan = page.locator(".rm-plan")
    step, box = plan.locator(".rm-failed").bounding_box(), plan.bounding_box()
    assert step is not None
    assert box is not None
    assert box["x"] <= step["x"]
    assert step["x"] + step["width"] <= box["x"] + box["width"]
    assert plan.evaluate("box => box.scrollLeft") > 0


_BOX = "document.querySelector('.rm-times')"


def test_what_the_reader_opened_and_scrolled_to_stays(run: Run, console: Console) -> None:
    page = console.page
    page.set_viewport_size({"width": 500, "height": 700})
    elsewhere(lambda: drive(run.pk, agents=LETTER_AGENTS | {"test.sender": doubt}))
    console.open_live(f"/admin/orchestration/run/{run.pk}/change/?show=attempts")
    expect(page.locator(LIVE)).to_be_visible()
    page.locator("#details summary", has_text="What the policy saw").first.click()
    # A box that is not laid out yet can't be scrolled.
    page.wait_for_function(
        f"() => {{ const box = {_BOX}; box.scrollLeft = 60; return box.scrollLeft === 60; }}"
    )
    old = page.locator("#details").element_handle()

    elsewhere(lambda: runs.pause(run.pk))
    expect(page.get_by_text("Paused: 2 of 3 steps done")).to_be_visible()

    assert old is not None
    expect(page.locator("#details details[open]")).to_have_count(1)
    page.wait_for_function(f"() => {_BOX}.scrollLeft === 60")
