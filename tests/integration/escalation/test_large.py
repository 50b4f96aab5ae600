"""What the engine accepts, people can see and decide: proposals of close to a mebibyte, and lists of them."""

import hashlib
import html
import json
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents import Result
from escalation.domain.draft import Draft
from escalation.escrow import claim_ticket
from escalation.models import Ticket
from escalation.selectors import LARGE_COLUMNS
from tests.integration.escalation.buttons import button_of, page_of, press, sign_in, submit, text_of
from tests.integration.escalation.desk import hold
from tests.people import make_member

pytestmark = pytest.mark.django_db
NESTED = {
    f"part {n}": [{"name": f"line {k}", "net": k / 8, "is_paid": True} for k in range(1_500)]
    for n in range(12)
}
LARGE: dict[str, Any] = {
    # As a plain form these letters take three times their bytes: more than is read of one.
    "text": {"body": "Lampe:\n" + "äöüß\n" * 100_000, "subject": "Your lamp"},
    "unseen": {"body": "\u200bx" * 200_000},
    "numbers": {"n": list(range(75_000))},
    "nested": NESTED,
    "keys": {f"key {n}": n for n in range(50_000)},
}


@pytest.fixture(params=LARGE)
def large(request: pytest.FixtureRequest, anna: User) -> Ticket:
    """A claimed ticket with a large proposal."""
    value = LARGE[request.param]
    (ticket,) = hold(writer=lambda _task: Result(value, confidence=0.5))
    return claim_ticket(ticket.pk, anna)


@pytest.fixture
def browser(anna: User) -> Client:
    return sign_in(anna)


def test_the_page_shows_the_beginning_and_the_way_to_the_whole(large: Ticket, browser: Client) -> None:
    answer = browser.get(page_of(large))

    assert answer.status_code == 200
    assert len(answer.content) < 400_000 + 45 * text_of(answer).count("rm-unseen")
    assert f"/admin/escalation/ticket/{large.pk}/whole/proposal/" in text_of(answer)
    assert "Approve as proposed" in text_of(answer)


@pytest.mark.parametrize("resolution", ["approve", "send_back"])
def test_every_button_works_and_sends_no_proposal_back(
    large: Ticket, browser: Client, resolution: str
) -> None:
    words = {"feedback": "be brief"} if resolution == "send_back" else {}
    page = browser.get(page_of(large))
    answer = submit(browser, page, button_of(large, "resolve"), resolution=resolution, **words)

    large.refresh_from_db()
    assert (answer.status_code, large.resolution) == (302, resolution)
    assert large.resolution_output_json == (large.seen_json if resolution == "approve" else None)


def test_the_fields_open_on_request_and_can_be_edited(large: Ticket, browser: Client) -> None:
    form = {"claim_number": "1", "note": "half way"}
    page = browser.post(f"{button_of(large, 'keep_draft')}?edit", form, follow=True)
    fields = {field.name: field.text for field in page.context["fields"]}
    assert page.redirect_chain == [(f"{page_of(large)}?edit#way-edit", 302)]
    assert all(f'name="{html.escape(name)}"' in text_of(page) for name in fields)
    assert "half way" in text_of(page)

    first = next(iter(fields))
    edited = fields | {first: _change(fields[first])}
    answer = press(browser, large, "resolve", resolution="edit", **edited)

    large.refresh_from_db()
    assert (answer.status_code, large.resolution) == (302, "edit")
    assert large.resolution_output is not None


def _change(text: str) -> str:
    """Return another text of the same kind, without a name that stands there twice."""
    changed = text.replace("lamp", "rug").replace("Lampe", "Vase").replace(": 1", ": 2")
    return changed if changed != text else text.replace(" 1", " 2")


def test_a_draft_of_something_large_is_kept_and_named_but_not_shown(large: Ticket, browser: Client) -> None:
    page = browser.get(f"{page_of(large)}?edit")
    fields = {field.name: field.text + " " for field in page.context["fields"]}
    press(browser, large, "keep_draft", **fields)

    again = browser.get(page_of(large))
    assert 'name="key:' not in text_of(again)
    assert "A draft by anna is kept." in text_of(again)
    press(browser, large, "keep_draft", note="and a note")
    large.refresh_from_db()
    kept = Draft.from_json(large.draft_json)
    assert (set(kept.fields), kept.note) == (set(fields), "and a note")


def test_an_edit_without_fields_is_refused(large: Ticket, browser: Client) -> None:
    answer = press(browser, large, "resolve", resolution="edit")

    large.refresh_from_db()
    assert answer.status_code == 400
    assert "open the fields of the output" in text_of(answer)
    assert large.is_open


def test_the_whole_can_be_read_page_bypage_of(large: Ticket, browser: Client) -> None:
    address = reverse("admin:escalation_ticket_whole", args=(large.pk, "proposal"))
    first = browser.get(address)
    pages = [first, *(browser.get(f"{address}?page={n}") for n in range(2, first.context["pages"] + 1))]

    told = "".join(_strip(str(page.context["text"])) for page in pages)
    assert first.status_code == 200
    assert len(told) == first.context["characters"] or "[U+" in told
    assert browser.get(f"{address}?page={len(pages) + 1}").status_code == 404


def _strip(marked: str) -> str:
    return html.unescape(re.sub(r"</?span[^>]*>", "", marked))


def test_the_whole_is_a_file_too_byte_for_byte(large: Ticket, browser: Client) -> None:
    address = reverse("admin:escalation_ticket_whole", args=(large.pk, "proposal"))

    answer = browser.get(f"{address}?download")

    assert hashlib.sha256(answer.content).hexdigest() == large.seen_digest
    assert answer.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize("query", ["?key=none", "?page=0", "?page=x", "?page=999999", "?page=²"])
def test_what_the_whole_has_not_is_404(ticket: Ticket, browser: Client, query: str) -> None:
    address = reverse("admin:escalation_ticket_whole", args=(ticket.pk, "proposal"))

    assert browser.get(f"{address}?key=body").status_code == 200
    assert browser.get(address + query).status_code == 404
    assert browser.get(address.replace("proposal", "nothing")).status_code == 404
    assert browser.get(address.replace("proposal", "item")).status_code == 404


def test_the_whole_is_for_members_only(ticket: Ticket) -> None:
    outsider = sign_in(User.objects.create_user("outsider", is_staff=True))

    for query in ("", "?download"):
        address = reverse("admin:escalation_ticket_whole", args=(ticket.pk, "proposal")) + query
        assert outsider.get(address).status_code in {403, 404}
        assert Client().get(address).status_code == 302


def _columns(queries: CaptureQueriesContext) -> set[str]:
    """Return the columns that were selected as they are, without those that only stand in a function."""
    selected = " ".join(
        query["sql"].partition(" FROM ")[0] for query in queries if query["sql"].startswith("SELECT")
    )
    return set(re.findall(r'(?:, |SELECT )"\w+"\."(\w+)"(?=,|\s|$)', selected))


@pytest.mark.parametrize(
    "path", ["/admin/escalation/ticket/", "/admin/escalation/breach/", "/api/v1/tickets"]
)
def test_lists_load_only_what_they_show(anna: User, path: str) -> None:
    tickets = [hold()[0] for _ in range(3)]
    client = sign_in(make_member("chief", "reviewer"))
    with CaptureQueriesContext(
        connection,
    ) as few:
        answer = client.get(path)
    hold()
    with CaptureQueriesContext(connection) as more:
        client.get(path)

    assert answer.status_code == 200
    assert len(more) == len(few)
    large = {name.rpartition("__")[2] for name in LARGE_COLUMNS}
    assert not _columns(few) & large
    assert tickets


def test_the_command_lists_without_what_it_does_not_show(ticket: Ticket) -> None:
    with CaptureQueriesContext(connection) as queries:
        call_command("list_tickets", stdout=StringIO())

    assert len(queries) == 2
    assert not _columns(queries) & {name.rpartition("__")[2] for name in LARGE_COLUMNS}


def test_the_command_writes_json_with_what_is_judged(anna: User) -> None:
    empty, full = StringIO(), StringIO()
    call_command("list_tickets", as_json=True, stdout=empty)
    numbers = [hold()[0].pk for _ in range(2)]
    call_command("list_tickets", as_json=True, stdout=full)

    assert json.loads(empty.getvalue()) == []
    listed = json.loads(full.getvalue())
    assert [ticket["id"] for ticket in listed] == numbers
    assert listed[0]["seen"]["subject"] == "Your order"


def test_the_list_of_runs_loads_neither_inputs_nor_specs(ticket: Ticket) -> None:
    with CaptureQueriesContext(connection) as queries:
        call_command("list_runs", as_json=True, stdout=StringIO())

    assert not _columns(queries) & {"input_json", "spec_json"}
