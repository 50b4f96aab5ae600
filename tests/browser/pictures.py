"""The pictures of the how-tos: the demo's messages, worked by a small team, as the console shows them.

Not a test: `make pictures` runs it and writes docs/images/. Whoever changes a page looks at what came out.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from playwright.sync_api import ViewportSize

from config.demo.feeding import read_messages
from escalation.escrow import claim_ticket, comment_on, resolve_ticket
from escalation.models import ReasonCode, ReviewQueue, SlaTarget, Ticket
from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.testing import drive
from tests.browser.conftest import PHONE, Console, People
from tests.people import give_role, make_member

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
_MESSAGES: Final = Path(__file__).parents[2] / "examples" / "support" / "data" / "messages.jsonl"
_MOST_BYTES: Final = 150_000
_WINDOW: Final[ViewportSize] = {"width": 1280, "height": 800}
# Minutes to the first look and to the decision: an inbox in which all is due at once shows nothing.
_TIMES: Final = ((1, 4), (4, 12), (10, 35), (20, 70), (60, 180))
_DECIDED: Final = 9


@pytest.fixture
def team(transactional_db: None, settings: LazySettings, tmp_path: Path) -> int:
    """Feed the demo's messages and decide the first of them; return the ticket that the pictures show."""
    settings.RINGMASTER = {**settings.RINGMASTER, "SUPPORT_MODELS_DIR": str(tmp_path)}
    call_command("publish_workflows", verbosity=0)
    call_command("load_shop", verbosity=0)
    rita, ben, lena = (make_member(name, "reviewer") for name in ("rita", "ben", "lena"))
    tickets: list[Ticket] = []
    for message in read_messages(_MESSAGES):
        tickets += _feed(message, len(tickets))
    _furnish(lena, tickets[0].queue)
    _decide(tickets[:_DECIDED], [rita, ben, lena])
    claim_ticket(tickets[_DECIDED].pk, ben)
    claim_ticket(tickets[-1].pk, rita)
    shown = tickets[-2]
    comment_on(shown.pk, ben, "The parcel is at the depot since Thursday, I asked the carrier.")
    return shown.pk


def _feed(message: dict[str, str], number: int) -> list[Ticket]:
    first, decision = _TIMES[number % len(_TIMES)]
    for queue in ReviewQueue.objects.all():
        times = {"first_touch_seconds": 60 * first, "resolution_seconds": 60 * decision}
        SlaTarget.objects.update_or_create(queue=queue, sla="customer-facing", defaults=times)
    with mute_dispatch():
        run = runs.start("support-reply", message)
    drive(run.pk)
    return list(Ticket.objects.filter(run=run.pk))


def _furnish(lead: User, queue: ReviewQueue) -> None:
    queue.name, queue.hand_on_agents = "Customer support", ["support.template_writer"]
    queue.save()
    give_role(lead, queue, "lead")
    ReasonCode.objects.create(
        queue=queue, code="tone", label="The tone is wrong", kinds=["edit", "send_back"]
    )


def _decide(tickets: Sequence[Ticket], people: Sequence[User]) -> None:
    for number, ticket in enumerate(tickets):
        person = people[number % len(people)]
        held = claim_ticket(ticket.pk, person)
        kind = ResolutionKind.EDIT if number % 3 == 2 else ResolutionKind.APPROVE
        text = {**held.seen, "body": f"{held.seen['body']}\n\nWe are sorry for the wait."}
        output = text if kind is ResolutionKind.EDIT else None
        number_of_claim, digest = held.claim_number, held.seen_digest
        resolve_ticket(held.pk, person, kind, claim_number=number_of_claim, seen_digest=digest, output=output)


def _take(console: Console, name: str) -> None:
    """Write what the window shows, small enough for a page of text."""
    console.page.wait_for_timeout(700)  # fonts, the stream's first line and the charts' growing
    session = console.page.context.new_cdp_session(console.page)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
    picture = base64.b64decode(shot["data"])
    assert len(picture) <= _MOST_BYTES, f"{name} takes {len(picture)} bytes"
    (_FOLDER / f"{name}.webp").write_bytes(picture)


def test_take_all(team: int, people: People) -> None:
    rita = people.sign_in("rita", _WINDOW)
    ticket = f"/admin/escalation/ticket/{team}/change/"
    for name, path in (("review-home", "/admin/"), ("review-inbox", "/admin/escalation/ticket/")):
        rita.open_live(path)
        _take(rita, name)
    rita.open_live(ticket)
    rita.page.get_by_role("button", name="Claim and decide").click()
    rita.page.wait_for_load_state()
    _take(rita, "review-ticket")
    rita.page.locator(".rm-dock").get_by_role("button", name="Edit …").click()
    _take(rita, "review-edit")
    phone = people.sign_in("rita", PHONE, is_touch=True)
    phone.open_live(ticket)
    _take(phone, "review-phone")
    lena = people.sign_in("lena", _WINDOW)
    lena.open_live("/admin/board/")
    _take(lena, "lead-board")
