"""The inbox keeps itself true without a reload, and is worked by keys."""

import pytest
from playwright.sync_api import expect

from escalation.escrow import claim_ticket
from tests.browser.conftest import PHONE, Console, People, elsewhere
from tests.integration.escalation.desk import hold
from tests.people import make_member

INBOX = "/admin/escalation/ticket/"


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


def test_all_views_are_in_sight_on_a_phone(number: int, people: People) -> None:
    page = (phone := people.sign_in("reviewer", PHONE, is_touch=True)).page
    phone.open_live(INBOX)

    views = page.get_by_role("navigation", name="Views").get_by_role("link")
    assert views.count() == 8
    for view in views.all():
        box = view.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE["width"]
    expect(page.locator(f"[data-ticket='{number}']")).to_be_in_viewport()
