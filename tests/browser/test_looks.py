"""Every main page can be read and used, in the light and in the dark, on a desk and on a phone."""

from pathlib import Path

import pytest

from escalation.escrow import claim_ticket
from tests.browser.conftest import Console
from tests.integration.agents.admission.scenes import fail, take
from tests.integration.escalation.desk import hold
from tests.integration.orchestration_admin.scenes import play_letter, refuse
from tests.people import make_member

_UNREADABLE = (Path(__file__).parent / "unreadable.js").read_text()
# A name may be a label's, an attribute's, or, as browsers give it, what stands in an empty field.
_NAMELESS = """() => [...document.querySelectorAll("input:not([type=hidden]), textarea, select, button, a[href]")]
  .filter((e) => e.checkVisibility({ checkVisibilityCSS: true }) && !e.closest("[aria-hidden=true]"))
  .filter((e) => ![e.ariaLabel, e.title, e.placeholder, e.textContent, ...[...(e.labels || [])].map((l) => l.innerText)]
    .join("").trim())
  .map((e) => e.outerHTML.slice(0, 160))"""
_SMALL = """() => [...document.querySelectorAll(".rm-button, .rm-link")]
  .filter((e) => e.checkVisibility()).map((e) => [e.getBoundingClientRect().height, e.textContent.trim()])
  .filter(([height]) => height < 40).map(([height, words]) => `${height} ${words}`)"""
_RUNS, _TICKETS = "/admin/orchestration/run/", "/admin/escalation/ticket/"


@pytest.fixture
def pages(transactional_db: None) -> dict[str, str]:
    """Bring every colour onto the pages: tickets free and taken, runs done and held, an open breaker, a full pool."""
    person = make_member("anna", "reviewer")
    (free,), (taken,) = hold(), hold()
    claim_ticket(taken.pk, person)
    held, done = play_letter(writer=refuse).run, play_letter().run
    fail("crm.order_history", 6)
    take({"gpu": 1}, step_id=9)
    return {
        "home": "/admin/",
        "runs": _RUNS,
        "held run": f"{_RUNS}{held.pk}/change/",
        "done run": f"{_RUNS}{done.pk}/change/",
        "step": f"{_RUNS}{held.pk}/steps/draft/",
        "fork": f"{_RUNS}{done.pk}/order/fork/",
        "tickets": _TICKETS,
        "free ticket": f"{_TICKETS}{free.pk}/change/",
        "taken ticket": f"{_TICKETS}{taken.pk}/change/",
        "button's address": f"{_TICKETS}{free.pk}/resolve/",
        "workers": "/admin/orchestration/workerprocess/",
        "breakers": "/admin/agents/breaker/",
        "pool": "/admin/agents/pool/gpu/change/",
    }


def _look(console: Console, name: str) -> list[str]:
    """Return what is wrong with the page that is open, in both schemes and on a phone."""
    page, found = console.page, []
    page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
    page.evaluate(
        "() => document.querySelectorAll('.rm-panel').forEach((one) => one.classList.add('rm-open'))"
    )
    for scheme in ("light", "dark"):
        page.evaluate("(on) => document.documentElement.classList.toggle('dark', on)", scheme == "dark")
        page.wait_for_timeout(200)  # colours fade into each other
        found += [f"{name}, {scheme}: unreadable: {one}" for one in page.evaluate(_UNREADABLE)]
    found += [f"{name}: without a name: {one}" for one in page.evaluate(_NAMELESS)]
    page.set_viewport_size({"width": 390, "height": 844})
    found += [f"{name}: too small for a finger: {one}" for one in page.evaluate(_SMALL)]
    if (beyond := page.evaluate("() => document.documentElement.scrollWidth - innerWidth")) > 0:
        found.append(f"{name}: {beyond} pixels beyond the edge of a phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    return found


def test_every_page_can_be_read_and_used(pages: dict[str, str], console: Console) -> None:
    page = console.page
    page.set_viewport_size({"width": 1440, "height": 900})
    found = []
    for name, path in pages.items():
        page.goto(console.address + path)
        found += _look(console, name)
        if name == "free ticket":
            page.get_by_role("button", name="Claim and decide").click()
            page.wait_for_load_state()
            found += _look(console, "own ticket")
            page.get_by_role("button", name="Abort the run …").click()
            page.wait_for_load_state()
            found += _look(console, "abort")
    page.context.clear_cookies()
    page.goto(f"{console.address}/admin/login/")
    assert found + _look(console, "sign in") == []


def test_what_can_not_be_read_is_found(console: Console) -> None:
    page = console.page
    assert page.evaluate(_UNREADABLE) == []
    # Set by a script, since the content security policy allows no other inline style.
    page.evaluate(
        "() => document.querySelectorAll('h1, h1 *').forEach((e) => { e.style.color = 'rgb(150 150 150)' })"
    )
    assert page.evaluate(_UNREADABLE) != []
