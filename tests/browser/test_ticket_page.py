"""The ticket's page on a desk and on a phone: what decides is in reach, and nothing is covered."""

import json

import pytest
from playwright.sync_api import Dialog, Page, ViewportSize, expect

from agents import Result
from escalation.escrow import comment_on
from escalation.models import ReasonCode, ReviewQueue, Ticket
from orchestration.models import Run
from tests.browser.conftest import DESK, PHONE, Console
from tests.integration.escalation.desk import hold
from tests.people import make_member

_TICKETS = "/admin/escalation/ticket/"


@pytest.fixture
def ticket(transactional_db: None) -> Ticket:
    return hold()[0]


def _open_mine(console: Console, ticket: Ticket, size: ViewportSize) -> Page:
    console.page.set_viewport_size(size)
    console.open(f"{_TICKETS}{ticket.pk}/change/")
    console.page.get_by_role("button", name="Claim and decide").click()
    console.page.wait_for_load_state("networkidle")
    return console.page


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_buttons_that_decide_are_on_the_first_screen(
    ticket: Ticket, console: Console, size: ViewportSize
) -> None:
    page = _open_mine(console, ticket, size)

    for name in ("Approve as proposed", "Edit …", "Send back …", "More …"):
        box = page.locator(".rm-dock .rm-button", has_text=name).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size["height"]
        assert box["x"] + box["width"] <= size["width"]
        assert box["height"] >= (44 if size is PHONE else 30)
    assert console.complaints == []


def test_all_that_is_needed_to_decide_is_on_one_screen(ticket: Ticket, console: Console) -> None:
    page = _open_mine(console, ticket, DESK)

    top = page.locator(".rm-dock").bounding_box()
    assert top is not None
    for words in ("May this be the result", "Where is my lamp?", "your lamp is on its way.", "Your order"):
        box = page.get_by_text(words).locator("visible=true").first.bounding_box()
        assert box is not None
        assert 0 <= box["y"] < box["y"] + box["height"] <= top["y"]


@pytest.fixture
def full_bar(ticket: Ticket) -> Ticket:
    """Offer on the ticket whatever the bar can hold."""
    ReasonCode.objects.create(queue=ticket.queue, code="tone", label="The tone is wrong", kinds=["send_back"])
    ReviewQueue.objects.filter(pk=ticket.queue_id).update(hand_on_agents=["support.template_writer"])
    return ticket


def test_the_fullest_bar_is_two_rows_on_a_phone_and_nothing_in_it_is_clipped(
    full_bar: Ticket, console: Console
) -> None:
    page = _open_mine(console, full_bar, PHONE)

    bar = page.locator(".rm-dock").bounding_box()
    assert bar is not None
    assert bar["height"] <= 130
    controls = page.locator(".rm-dock-row :is(.rm-button, select)")
    assert controls.count() == 8
    for control in controls.all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert bar["x"] <= box["x"] < box["x"] + box["width"] <= bar["x"] + bar["width"]
        if control.evaluate("e => e.tagName") != "SELECT":
            assert control.evaluate("e => e.scrollWidth - e.clientWidth") <= 0


def test_the_bar_covers_nothing_at_the_end_of_the_page(ticket: Ticket, console: Console) -> None:
    page = _open_mine(console, ticket, PHONE)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")

    last = page.locator(".rm-desk > .rm-card").last.bounding_box()
    dock = page.locator(".rm-dock").bounding_box()
    assert last is not None
    assert dock is not None
    assert last["y"] + last["height"] <= dock["y"]


def test_what_is_filled_in_first_opens_above_the_bar_and_takes_the_focus(
    ticket: Ticket, console: Console
) -> None:
    page = _open_mine(console, ticket, PHONE)
    page.get_by_role("button", name="Send back …").click()

    expect(page.locator("textarea[name=feedback]")).to_be_focused()
    expect(page.locator("textarea[name=feedback]")).to_be_in_viewport()
    page.keyboard.type("be brief")
    page.get_by_role("button", name="Send back", exact=True).click()
    page.wait_for_url(f"{console.address}{_TICKETS}")

    console.open(f"{_TICKETS}{ticket.pk}/change/")
    expect(page.get_by_role("heading", name="Decided: send_back")).to_be_visible()
    expect(page.get_by_text("be brief")).to_be_visible()


def test_a_ticket_is_decided_by_keys_alone(ticket: Ticket, console: Console) -> None:
    page = console.page
    page.set_viewport_size(DESK)
    console.open(f"{_TICKETS}{ticket.pk}/change/")
    page.keyboard.press("c")
    page.wait_for_selector(".rm-decide")
    page.keyboard.press("b")
    page.keyboard.type("approve? be nice: abc")  # none of these letters presses anything
    page.keyboard.press("Escape")
    expect(page.locator("textarea[name=feedback]")).to_be_hidden()
    page.keyboard.press("Control+a")
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()
    page.keyboard.press("a")  # the list of keys is open
    page.keyboard.press("Escape")
    expect(page.locator(".rm-decide")).to_be_visible()
    page.keyboard.press("a")
    page.wait_for_url(f"{console.address}{_TICKETS}")

    console.open(f"{_TICKETS}{ticket.pk}/change/")
    expect(page.get_by_role("heading", name="Decided: approve")).to_be_visible()
    assert console.complaints == []


_EVIL = (
    "<script>alert(1)</script>",
    "<img src=//evil.example/x onerror=alert(1)>",
    "**b** ![x](https://evil.example/p.png) [y](javascript:alert(1))",
    '"><svg onload=alert(1)>',
    "{{ 7*7 }} {% include 'x' %} </textarea><script>alert(1)</script>",
    "<style>@import url(https://evil.example/a.css)</style>",
    "</details></section></form><form action=https://evil.example><input name=csrf autofocus onfocus=alert(1)>",
    "<iframe src=https://evil.example></iframe><link rel=prefetch href=https://evil.example>",
)


@pytest.fixture
def evil(transactional_db: None) -> Ticket:
    """Hold a ticket in which whatever agents and customers can fill is meant to run or to load something."""
    value = {f"{n} {text}"[:190]: [text, {text[:90]: text}] for n, text in enumerate(_EVIL)}
    proposal = {"body": "\n".join(_EVIL), "subject": _EVIL[1], **value}
    (ticket,) = hold(writer=lambda _task: Result(proposal, confidence=0.5))
    comment_on(ticket.pk, make_member("mallory", "reviewer"), "\n".join(_EVIL))
    Run.objects.filter(pk=ticket.run_id).update(input_json=json.dumps({"text": _EVIL[0], **value}))
    return ticket


def test_nothing_that_agents_or_customers_write_runs_or_loads(evil: Ticket, console: Console) -> None:
    page, asked, dialogs = console.page, list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)

    page = _open_mine(console, evil, DESK)
    page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
    page.keyboard.press("e")
    page.wait_for_load_state("networkidle")

    assert page.locator(".rm-dock").count() == 1
    assert page.locator(".rm-desk script, .rm-desk style, .rm-desk iframe, .rm-desk img").count() == 0
    assert dialogs == []
    assert [url for url in asked if not url.startswith(console.address)] == []
    assert console.complaints == []
