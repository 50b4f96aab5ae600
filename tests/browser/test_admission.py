"""An operator finds an open breaker, closes it with the button, and sees who holds a pool."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Console
from tests.integration.agents.admission.scenes import fail, take


@pytest.fixture
def _trouble(transactional_db: None) -> None:
    fail("crm.order_history", 6)
    take({"gpu": 1}, step_id=9)


@pytest.mark.usefixtures("_trouble")
def test_an_open_breaker_is_found_and_closed(console: Console) -> None:
    page = console.page
    console.open("/admin/agents/breaker/")
    page.get_by_role("link", name="crm.order_history").click()
    colour = page.locator("section .rm-chip.rm-open").first.evaluate("chip => getComputedStyle(chip).color")
    assert colour == "rgb(185, 28, 28)"
    page.get_by_role("button", name="Reset: close it now").click()
    expect(page.get_by_text("Work passes.")).to_be_visible()
    expect(page.get_by_role("cell", name="reset by a person")).to_be_visible()
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("breaker/", "breaker/crm.order_5Fhistory/change/", "pool/", "pool/gpu/change/"):
            console.open(f"/admin/agents/{path}")
            overhang = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
            assert (path, width, overhang <= 0) == (path, width, True)
    expect(page.get_by_role("cell", name="run 1 / step 9")).to_be_visible()
    assert "\n".join(console.complaints) == ""
