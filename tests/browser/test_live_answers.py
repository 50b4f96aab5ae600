"""The run page shows what a model says while it says it, then the row; another try takes the former one's place."""

import re
from collections.abc import Iterator

import pytest
from django.conf import settings as configured
from django.test import override_settings
from playwright.sync_api import expect, sync_playwright

from agents.errors import TransientError
from agents.invoke import override_models
from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run
from orchestration.testing import drive
from tests.browser.conftest import PHONE, People
from tests.conftest import start_web
from tests.integration.live.test_deltas import _END, _WRITE, Model
from tests.integration.orchestration.rig import in_thread
from tests.processes import ProcessStarter


@pytest.fixture(scope="module")
def live_served(children: ProcessStarter) -> str:
    return start_web(children, STREAM_URL=configured.CELERY_BROKER_URL)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def run(transactional_db: None, model: Model) -> Iterator[Run]:
    stream = {"STREAM_URL": configured.CELERY_BROKER_URL}
    with mute_dispatch():
        runs.publish(_WRITE)
        started = runs.start(_WRITE.name, {})
    with override_settings(RINGMASTER=stream), override_models({"fast": model.make()}):
        yield Run.objects.get(pk=started.id)


@pytest.fixture
def watchers(run: Run, live_served: str, listening: str) -> Iterator[People]:
    with sync_playwright() as playwright:
        people = People(playwright.chromium.connect_over_cdp(listening), live_served)
        yield people
        people.leave()


def test_an_answer_is_read_while_it_is_given_and_a_dead_try_goes(
    run: Run, model: Model, watchers: People
) -> None:
    console = watchers.sign_in("reviewer")
    page = console.page
    console.open_live(f"/admin/orchestration/run/{run.pk}/change/?show=calls")
    expect(page.locator(".rm-live[data-state=on]")).to_be_visible()
    working = in_thread(lambda: drive(run.pk))
    model.say("Your lamp is lost ")
    speech = page.locator("[data-speech]")
    expect(speech).to_have_text("Your lamp is lost")
    model.say(TransientError("cut off"), "Your tent <b>is</b> ")
    expect(speech).to_have_text("Your tent <b>is</b> ")
    expect(speech).to_have_attribute("data-attempt", "2")
    model.say("on its way.\u202e ")
    expect(speech).to_have_text(re.compile(r"Your tent <b>is</b> on its way\.\u2039U\+202E\u203a"))
    model.say(_END)
    expect(page.locator(".rm-said", has_text=re.compile("on its way"))).to_be_visible()
    expect(speech).to_have_count(0)
    assert working.result(30).status == "succeeded"
    assert console.complaints == []


def test_it_fits_a_phone(run: Run, model: Model, watchers: People) -> None:
    console = watchers.sign_in("reviewer", PHONE)
    console.open_live(f"/admin/orchestration/run/{run.pk}/change/?show=calls")
    working = in_thread(lambda: drive(run.pk))
    model.say(f"{'A-very-long-word-' * 40} ")
    speech = console.page.locator("[data-speech]")
    expect(speech).to_contain_text("A-very-long-word-A")
    box = speech.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    model.say(_END)
    working.result(30)
