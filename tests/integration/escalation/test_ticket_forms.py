"""The page's forms: the output in fields of the agent's schema, what changed beside a refusal, and a lead's buttons."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents import Result
from escalation.escrow import claim_ticket, release_ticket, resolve_ticket
from escalation.models import AuditLine, Ticket
from orchestration import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from tests.integration.escalation import test_returning as returning
from tests.integration.escalation.buttons import button_of, page_of, press, sign_in, submit, text_of
from tests.integration.escalation.desk import PROPOSAL, hold
from tests.people import make_member

pytestmark = pytest.mark.django_db
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "customer": {"type": "object", "properties": {"mail": {"type": "string"}}},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"what": {"type": "string"}, "net": {"type": "number"}},
            },
        },
    },
}
ORDER = {
    "customer": {"mail": "ada@example.org"},
    "lines": [{"what": "lamp", "net": 7}, {"what": "bulb", "net": 2}],
}


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> Ticket:
    monkeypatch.setattr("escalation.admin.page.find_output_schema", lambda _: SCHEMA)
    monkeypatch.setattr("escalation.admin.decisions.find_output_schema", lambda _: SCHEMA)
    return hold(writer=lambda _task: Result(ORDER, confidence=0.5))[0]


def test_lists_and_objects_are_edited_in_fields_and_rows(ordered: Ticket, anna: User) -> None:
    claim_ticket(ordered.pk, anna)
    browser = sign_in(anna)
    page = browser.get(page_of(ordered))

    changes = {
        "resolution": "edit",
        "drop:key:lines/0": "1",
        "key:lines/2/what": "cable",
        "key:lines/2/net": "3.5",
        "key:customer/mail": "bob@example.org",
    }
    submit(browser, page, button_of(ordered, "resolve"), **changes)

    ordered.refresh_from_db()
    assert ordered.resolution_output == {
        "customer": {"mail": "bob@example.org"},
        "lines": [{"what": "bulb", "net": 2}, {"what": "cable", "net": 3.5}],
    }


def test_rows_that_were_typed_stay_in_the_draft(ordered: Ticket, anna: User) -> None:
    claim_ticket(ordered.pk, anna)
    browser = sign_in(anna)
    added = {"key:lines/2/what": "cable", "key:lines/1/net": "much"}

    submit(browser, browser.get(page_of(ordered)), button_of(ordered, "keep_draft"), **added)
    page = browser.get(page_of(ordered))
    assert 'name="key:lines/2/what"' in text_of(page)
    assert 'name="key:lines/3/what"' in text_of(page)
    refused = submit(browser, page, button_of(ordered, "resolve"), resolution="edit")

    assert refused.status_code == 400
    assert "lines, 2, net: no number or JSON (no valid JSON at line 1, column 1" in text_of(refused)
    assert "cable" in text_of(refused)


def test_what_is_approved_as_it_was_proposed_is_no_edit(ordered: Ticket, anna: User) -> None:
    claim_ticket(ordered.pk, anna)
    browser = sign_in(anna)

    submit(browser, browser.get(page_of(ordered)), button_of(ordered, "resolve"), resolution="approve")

    ordered.refresh_from_db()
    assert (ordered.resolution, ordered.resolution_output) == ("approve", ORDER)


def test_a_late_decision_is_told_what_changed_beside_what_was_typed(
    ticket: Ticket, anna: User, ben: User
) -> None:
    claim_ticket(ticket.pk, anna)
    browser = sign_in(anna)
    page = browser.get(page_of(ticket))
    release_ticket(ticket.pk, anna)
    claim_ticket(ticket.pk, ben)
    edited = PROPOSAL | {"subject": "From <b>Ben</b>"}
    resolve_ticket(
        ticket.pk, ben, ResolutionKind.EDIT, claim_number=2, seen_digest=ticket.seen_digest, output=edited
    )

    refused = submit(
        browser, page, button_of(ticket, "resolve"), resolution="edit", **{"key:subject": "From Anna"}
    )

    shown = text_of(refused)
    assert refused.status_code == 409
    assert '<th scope="row">Decided by</th><td>none</td><td>ben</td>' in shown
    assert "<td>From &lt;b&gt;Ben&lt;/b&gt;</td><td>From Anna</td>" in shown
    assert "What you typed" in shown


def test_a_stale_decision_is_told_whose_claim_it_is_now(ticket: Ticket, anna: User, ben: User) -> None:
    claim_ticket(ticket.pk, anna)
    release_ticket(ticket.pk, anna)
    claim_ticket(ticket.pk, ben)

    shown = text_of(press(sign_in(anna), ticket, "resolve", resolution="skip"))

    assert '<th scope="row">Claim</th><td>1</td><td>2</td>' in shown
    assert '<th scope="row">Held by</th><td>anna</td><td>ben</td>' in shown


@pytest.mark.parametrize(
    ("button", "field", "words"),
    [
        ("comment", "comment", "Your comment was not sent yet"),
        ("snooze", "snooze_reason", "Nothing was put off yet"),
    ],
)
def test_what_is_typed_into_smaller_forms_survives_a_sign_in(
    ticket: Ticket, anna: User, button: str, field: str, words: str
) -> None:
    claim_ticket(ticket.pk, anna)
    anna.set_password("secret-word")
    anna.save()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(anna)
    token = str(browser.get(page_of(ticket)).context["csrf_token"])
    form = {"csrfmiddlewaretoken": token, field: "half a <b>page</b>"}
    if button == "snooze":
        form |= {"claim_number": "1", "seen_digest": ticket.seen_digest, "note": "", "snooze_minutes": "60"}
    browser.cookies.pop("sessionid")

    asked = browser.post(button_of(ticket, button), form)
    sent = returning._fill_again(asked, username="anna", password="secret-word")
    back = browser.post(button_of(ticket, "again"), {**sent})

    assert back.status_code == 200
    assert words in text_of(back)
    assert "half a &lt;b&gt;page&lt;/b&gt;</textarea>" in text_of(back)
    ticket.refresh_from_db()
    assert (ticket.snoozed_until, ticket.comments.count()) == (None, 0)


def test_an_approval_before_what_can_not_be_undone_asks_once(anna: User) -> None:
    spec = WorkflowSpec(
        name="mail",
        steps=(
            StepSpec("draft", agent="test.writer"),
            StepSpec("send", agent="mail.outbox", needs=("draft",)),
        ),
    )
    mail, harmless = hold(spec)[0], hold()[0]
    for one in (mail, harmless):
        claim_ticket(one.pk, anna)
    browser = sign_in(anna)

    asking, plain = (text_of(browser.get(page_of(one))) for one in (mail, harmless))

    assert 'href="#sure-approve" data-opens data-key="a"' in asking
    assert (
        asking.count('name="resolution" value="approve"')
        == plain.count('name="resolution" value="approve"')
        == 1
    )
    assert "sure-approve" not in plain
    assert plain.count('<details class="rm-sure">') == 2


def test_a_claim_is_given_back_with_a_note_and_what_was_typed(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)

    press(sign_in(anna), ticket, "release", note="ask the warehouse", feedback="be brief")

    ticket.refresh_from_db()
    assert ticket.claimed_by is None
    assert "be brief" in str(ticket.draft_json)
    assert "ask the warehouse" in AuditLine.objects.get(act="released").data_json


def test_a_lead_assigns_a_ticket_on_its_page(ticket: Ticket, anna: User) -> None:
    lead = make_member("lea", "admin")
    browser = sign_in(lead)

    assert "<option>anna</option>" in text_of(browser.get(page_of(ticket)))
    browser.post(button_of(ticket, "assign"), {"to": "anna", "note": "yours"})
    refused = browser.post(button_of(ticket, "assign"), {"to": "nobody"})
    barred = sign_in(anna).post(button_of(ticket, "assign"), {"to": "anna"})

    ticket.refresh_from_db()
    assert ticket.assigned_to == anna
    assert (refused.status_code, barred.status_code) == (400, 403)
