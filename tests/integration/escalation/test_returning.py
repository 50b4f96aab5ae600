"""What a reviewer typed is not lost to a session that ended or to a sign-in in another tab."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from escalation.domain.draft import Draft
from escalation.escrow import claim_ticket
from escalation.models import Ticket
from tests.codes import code_now, give_device, set_up
from tests.integration.escalation.buttons import button_of, page_of, text_of
from tests.integration.escalation.desk import PROPOSAL

pytestmark = pytest.mark.django_db
TYPED = "Half a page of feedback, <b>with</b> marks.\n" * 20


@pytest.fixture
def claimed(ticket: Ticket, anna: User) -> Ticket:
    return claim_ticket(ticket.pk, anna)


@pytest.fixture
def browser(anna: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    return client


def _open(browser: Client, ticket: Ticket) -> dict[str, str]:
    """Open the page; return the form as somebody filled it in."""
    token = str(browser.get(page_of(ticket)).context["csrf_token"])
    return {
        "csrfmiddlewaretoken": token,
        "claim_number": "1",
        "seen_digest": ticket.seen_digest,
        "note": "my note",
        "feedback": TYPED.replace("\n", "\r\n"),
        "key:body": "Dear Bob",
        "key:subject": "Your order",
        "rest": '{"facts": {"order": 7}}',
        "resolution": "send_back",
    }


def _sign_in(browser: Client, name: str = "anna") -> None:
    shown = browser.get(reverse("admin:login"))
    token = str(shown.context["csrf_token"])
    form = {"username": name, "password": "secret-word", "csrfmiddlewaretoken": token, "next": "/admin/"}
    assert browser.post(reverse("admin:login"), form).status_code == 302


def _fill_again(page: Any, **more: str) -> dict[str, str]:
    """Return what the page that asks to sign in again would send."""
    fields = dict([*page.context["bound"], *page.context["typed"]])
    return fields | {"csrfmiddlewaretoken": str(page.context["csrf_token"])} | more


@pytest.mark.parametrize("button", ["resolve", "keep_draft", "ask_abort"])
def test_after_a_session_ended_the_text_is_kept_with_the_next_sign_in(
    claimed: Ticket, browser: Client, button: str
) -> None:
    form = _open(browser, claimed)
    Session.objects.all().delete()

    page = browser.post(button_of(claimed, button), form)
    wrong = browser.post(page.context["app_path"], _fill_again(page, username="anna", password="wrong"))
    done = browser.post(page.context["app_path"], _fill_again(wrong, username="anna", password="secret-word"))

    claimed.refresh_from_db()
    kept = Draft.from_json(claimed.draft_json)
    assert "Nothing was decided." in text_of(page)
    assert "&lt;b&gt;with&lt;/b&gt;" in text_of(wrong)
    assert (done.status_code, done.headers["Location"]) == (302, page_of(claimed))
    assert (claimed.status, kept.note, kept.fields["key:body"]) == ("open", "my note", "Dear Bob")
    assert kept.feedback.replace("\r\n", "\n") == TYPED
    assert "What you typed is kept; nothing was decided." in text_of(browser.get(page_of(claimed)))


def test_what_is_shown_to_nobody_known_is_only_what_they_sent(claimed: Ticket, browser: Client) -> None:
    form = _open(browser, claimed)
    Session.objects.all().delete()

    page = text_of(browser.post(button_of(claimed, "resolve"), form))

    assert str(PROPOSAL["body"]).split("\n")[1] not in page
    assert "test.writer" not in page


def test_a_sign_in_in_another_tab_gives_the_text_back_in_the_form(claimed: Ticket, browser: Client) -> None:
    form = _open(browser, claimed)
    browser.logout()
    _sign_in(browser)

    page = browser.post(button_of(claimed, "resolve"), form)
    again = form | {"csrfmiddlewaretoken": str(page.context["csrf_token"])}

    claimed.refresh_from_db()
    assert (page.status_code, claimed.status, claimed.draft_json) == (403, "open", None)
    assert "Nothing was decided." in text_of(page)
    assert "&lt;b&gt;with&lt;/b&gt;" in text_of(page)
    assert "Dear Bob" in text_of(page)
    assert browser.post(button_of(claimed, "resolve"), again).status_code == 302
    claimed.refresh_from_db()
    assert claimed.resolution == "send_back"


def test_whoever_else_signs_in_gets_the_text_and_nothing_is_kept(
    claimed: Ticket, browser: Client, ben: User
) -> None:
    form = _open(browser, claimed)
    Session.objects.all().delete()
    page = browser.post(button_of(claimed, "resolve"), form)

    answer = browser.post(page.context["app_path"], _fill_again(page, username="ben", password="secret-word"))

    claimed.refresh_from_db()
    assert (answer.status_code, claimed.draft_json) == (409, None)
    assert "my note" in text_of(answer)


@pytest.mark.parametrize("header", ["Origin", "Referer"])
def test_what_another_site_sent_is_given_to_nobody(claimed: Ticket, browser: Client, header: str) -> None:
    form = _open(browser, claimed) | {"csrfmiddlewaretoken": "x" * 64, "note": "planted"}

    answer = browser.post(button_of(claimed, "resolve"), form, headers={header: "https://evil.example/page"})

    assert answer.status_code == 403
    assert "planted" not in text_of(answer)


@pytest.mark.parametrize("button", ["claim", "release", "discard_draft"])
def test_a_button_without_text_leads_by_the_sign_in_to_the_ticket(claimed: Ticket, button: str) -> None:
    for answer in (Client().post(button_of(claimed, button)), Client().get(button_of(claimed, button))):
        assert answer.status_code == 302
        assert answer.headers["Location"].endswith(f"/login/?next={page_of(claimed)}")


def test_the_next_ticket_s_button_leads_by_the_sign_in_to_the_list() -> None:
    answer = Client().post(reverse("admin:escalation_ticket_claim_next"))
    assert answer.headers["Location"].endswith("/login/?next=/admin/escalation/ticket/")


def test_an_address_that_takes_a_button_says_so(claimed: Ticket, browser: Client) -> None:
    answer = browser.get(button_of(claimed, "resolve"))

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert f"the page of ticket {claimed.pk}" in text_of(answer)


def test_other_forms_are_refused_as_ever(browser: Client) -> None:
    assert browser.post(reverse("admin:escalation_ticket_claim_next")).status_code == 403
    assert browser.post("/api/v1/tickets/claim-next").json()["code"] == "csrf_failed"


def _ask_for_codes(settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "deciders"}


def test_the_password_alone_keeps_no_draft_where_a_second_factor_is_to_be_set_up(
    claimed: Ticket, browser: Client, settings: Any
) -> None:
    form = _open(browser, claimed)
    _ask_for_codes(settings)

    page = browser.post(button_of(claimed, "resolve"), form)
    first = browser.post(page.context["app_path"], _fill_again(page, username="anna", password="secret-word"))

    claimed.refresh_from_db()
    assert (first.status_code, claimed.draft_json, claimed.status) == (200, None, "open")
    assert "Open the console in another tab and set it up there" in text_of(first)
    key = set_up(browser)
    again = _fill_again(first, username="anna", password="secret-word", factor_code=code_now(key, steps=1))
    done = browser.post(first.context["app_path"], again)
    claimed.refresh_from_db()
    assert done.status_code == 302
    assert Draft.from_json(claimed.draft_json).fields["key:body"] == "Dear Bob"
    assert "factor_code" not in str(claimed.draft_json)


def test_text_that_comes_back_is_kept_with_password_and_code_only(
    claimed: Ticket, browser: Client, anna: User, settings: Any
) -> None:
    form = _open(browser, claimed)
    _ask_for_codes(settings)
    give_device(anna)

    page = browser.post(button_of(claimed, "resolve"), form)
    first = browser.post(page.context["app_path"], _fill_again(page, username="anna", password="secret-word"))
    assert "the code of your app" in text_of(first)
    claimed.refresh_from_db()
    assert claimed.draft_json is None
    filled = _fill_again(first, username="anna", password="secret-word", factor_code=code_now())
    done = browser.post(first.context["app_path"], filled)

    claimed.refresh_from_db()
    assert (done.status_code, claimed.draft_json is None, claimed.status) == (302, False, "open")
