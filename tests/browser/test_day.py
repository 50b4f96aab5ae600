"""A reviewer's day with a mouse on a desk and with a thumb on a phone: each way once, and alike tickets together."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, ViewportSize, expect

from escalation.models import ReviewQueue, Ticket
from tests.browser.conftest import DESK, PHONE, Console, People, elsewhere
from tests.integration.escalation.desk import hold
from tests.people import make_member

INBOX = "/admin/escalation/ticket/"
_HAND_ON_TO = "support.template_writer"


@pytest.fixture
def tickets(transactional_db: None) -> list[int]:
    """Hold seven alike tickets, in the order in which they are due; Anna reviews."""
    make_member("anna", "reviewer")
    held = [hold()[0] for _ in range(7)]
    ReviewQueue.objects.filter(pk=held[0].queue_id).update(hand_on_agents=[_HAND_ON_TO])
    return [ticket.pk for ticket in held]


class _Hand:
    """What presses: a mouse, or a thumb."""

    def __init__(self, console: Console, *, is_touch: bool) -> None:
        self.page = console.page
        self._is_touch = is_touch

    def press(self, what: Locator) -> None:
        what.tap() if self._is_touch else what.click()

    def choose(self, name: str) -> None:
        """Press a button of the ticket's bar."""
        self.press(self.page.locator(".rm-dock-row").get_by_role("button", name=name, exact=True))

    def confirm(self, name: str) -> None:
        """Press what an opened panel or form ends with."""
        self.press(self.page.locator(".rm-panel.rm-open").get_by_role("button", name=name, exact=True))


@pytest.mark.parametrize(
    ("size", "is_touch"), [(DESK, False), (PHONE, True)], ids=["a mouse on a desk", "a thumb on a phone"]
)
def test_a_day_without_a_keyboard(
    tickets: list[int], people: People, size: ViewportSize, *, is_touch: bool
) -> None:
    anna = people.sign_in("anna", size, is_touch=is_touch)
    page, hand = anna.page, _Hand(anna, is_touch=is_touch)
    arrive = _watch_arrivals(page, tickets)
    anna.open_live("/admin/")

    hand.press(page.get_by_role("button", name="Claim the next ticket"))
    arrive()
    hand.choose("Edit …")
    page.locator("textarea[name='key:body']").fill("Dear Ada,\nit comes on Friday.")
    hand.confirm("Edit and approve")
    arrive()
    hand.choose("Send back …")
    page.locator("textarea[name=feedback]").fill("Say when it comes.")
    hand.confirm("Send back")
    arrive()
    hand.choose("Hand on …")
    page.locator("select[name=agent]").select_option(_HAND_ON_TO)
    hand.confirm("Hand on")
    arrive()
    hand.choose("Snooze")
    page.locator("textarea[name=snooze_reason]").fill("The customer sends a photo.")
    hand.confirm("Snooze")
    page.wait_for_url(f"**{INBOX}")
    hand.press(page.get_by_role("button", name="Claim the next ticket"))
    arrive()
    hand.choose("Note")
    page.locator("textarea[name=note]").fill("I know the customer.")
    hand.confirm("Release with this note")
    page.wait_for_url(f"**{INBOX}")
    for number in tickets[5:]:
        hand.press(page.locator(f".rm-tick:has([value='{number}'])"))
    hand.press(page.get_by_role("button", name="Decide the ticked ones together"))
    hand.press(page.get_by_role("button", name="Approve as proposed"))
    expect(page.locator(".rm-chosen .rm-chip")).to_have_text(["approved", "approved"])

    assert "\n".join(anna.complaints) == ""
    rows = elsewhere(lambda: list(Ticket.objects.filter(pk__in=tickets).order_by("pk")))
    kinds = [row.resolution for row in rows]
    assert kinds == ["edit", "send_back", "hand_on", None, None, "approve", "approve"]
    assert rows[0].resolution_output["body"] == "Dear Ada,\nit comes on Friday."
    assert rows[1].feedback == "Say when it comes."
    assert rows[3].snooze_reason == "The customer sends a photo."
    assert rows[4].claimed_by_id is None


def _watch_arrivals(page: Page, tickets: list[int]) -> Callable[[], None]:
    """Return what waits until the next of the tickets is open, claimed and ready to be decided."""
    coming = iter(tickets)

    def arrive() -> None:
        page.wait_for_url(f"**{INBOX}{next(coming)}/change/?next")
        expect(page.locator(".rm-lease b")).to_be_visible()

    return arrive


def _type_and_look(console: Console, number: int) -> set[str]:
    """Type each key into each kind of field of a claimed ticket; return what that opened, or where it led."""
    page = console.page
    console.open_live(f"{INBOX}{number}/change/")
    address = page.url
    page.evaluate(
        "() => document.querySelectorAll('.rm-panel').forEach((one) => one.classList.add('rm-open'))"
    )
    opened = set()
    for field in ("textarea[name=note]", "textarea[name='key:body']", "select[name=snooze_minutes]"):
        box = page.locator(field)
        box.focus()
        for key in "ebhsc?":
            page.keyboard.press(key)
            if page.locator("dialog[open]").count() or not box.evaluate("e => e === document.activeElement"):
                opened.add(key)
                page.keyboard.press("Escape")
                box.focus()
    return opened | ({page.url} if page.url != address else set())


def test_keys_never_fire_while_typing(tickets: list[int], people: People) -> None:
    anna = people.sign_in("anna")
    anna.open_live(f"{INBOX}{tickets[0]}/change/")
    anna.page.keyboard.press("c")
    expect(anna.page.locator(".rm-lease b")).to_be_visible()

    assert _type_and_look(anna, tickets[0]) == set()

    def without_the_guard(route: Route) -> None:
        answer = route.fetch()
        guarded = answer.text()
        body = guarded.replace("target?.closest(TYPED) ||", "")
        assert body != guarded
        route.fulfill(response=answer, body=body)

    anna.page.route("**/escalation/desk*.js", without_the_guard)
    assert _type_and_look(anna, tickets[0]) >= {"b", "h", "s", "?"}
