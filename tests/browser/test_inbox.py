"""The inbox keeps itself true without a reload, and is worked by keys."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from playwright.sync_api import expect

from escalation.escrow import claim_ticket
from tests.browser.conftest import Console
from tests.integration.escalation.desk import hold
from tests.integration.orchestration.rig import in_thread
from tests.people import make_member

_T = TypeVar("_T")
INBOX = "/admin/escalation/ticket/"


def elsewhere(act: Callable[[], _T]) -> _T:
    """Do something on another thread: the browser keeps an event loop in this one, where Django refuses queries."""
    return in_thread(act).result(timeout=30)


@pytest.fixture
def number(transactional_db: None) -> int:
    return hold()[0].pk


def test_new_tickets_claims_and_countdowns_show_without_a_reload(number: int, console: Console) -> None:
    page = console.page
    console.open_live(INBOX)
    expect(page.locator(".rm-live-note")).to_have_text("Live", timeout=15_000)
    page.evaluate("() => { window.sameDocument = true; }")
    clock = page.locator(f"[data-ticket='{number}'] .rm-chip")
    before = clock.inner_text()

    new = elsewhere(lambda: hold()[0].pk)
    expect(page.locator(f"[data-ticket='{new}']")).to_be_visible(timeout=15_000)
    expect(clock).not_to_have_text(before)
    elsewhere(lambda: claim_ticket(new, make_member("anna", "reviewer")))
    expect(page.locator(f"[data-ticket='{new}'] .rm-holder")).to_have_text("anna", timeout=15_000)

    assert page.evaluate("() => window.sameDocument") is True
    page.keyboard.press("n")
    page.wait_for_url(f"**/ticket/{number}/change/*")
    assert "\n".join(console.complaints) == ""
