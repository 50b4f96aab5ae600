"""Pressing the console's buttons as a browser does, with what a ticket's page holds."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from escalation.models import Ticket

LIST = "admin:escalation_ticket_changelist"


def sign_in(person: User) -> Client:
    """Return a browser in which this person is signed in."""
    client = Client()
    client.force_login(person)
    return client


def page_of(ticket: Ticket) -> str:
    """Return the address of the ticket's page."""
    return reverse("admin:escalation_ticket_change", args=(ticket.pk,))


def button_of(ticket: Ticket, button: str) -> str:
    """Return the address that a button posts to."""
    return reverse(f"admin:escalation_ticket_{button}", args=(ticket.pk,))


def press(browser: Client, ticket: Ticket, button: str, query: str = "", **form: str) -> Any:
    """Send claim, digest and note, and what else is given: a large output's fields are not on the page."""
    bound = {"claim_number": "1", "seen_digest": ticket.seen_digest, "note": ""}
    return browser.post(button_of(ticket, button) + query, bound | form)


def text_of(answer: Any) -> str:
    """Return the page of an answer."""
    return str(answer.content.decode())


class _Form(HTMLParser):
    """What a browser would send of the form to decide with: all its fields, as they were filled in for it."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.is_multipart = self._is_within = self._is_blank = False
        self._text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._is_within = "rm-decide" in (given.get("class") or "").split()
            self.is_multipart |= self._is_within and given.get("enctype") == "multipart/form-data"
        elif tag == "template":
            self._is_blank = True
        elif self._is_blank or (given.get("type") == "checkbox" and "checked" not in given):
            return
        elif self._is_within and (name := given.get("name")) and tag in {"input", "textarea"}:
            self.fields[name] = given.get("value") or ""
            self._text = name if tag == "textarea" else None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self.fields[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None:
            # The line end that follows the tag is none of the text's.
            self.fields[self._text] = self.fields[self._text].removeprefix("\n").replace("\n", "\r\n")
            self._text = None
        elif tag == "template":
            self._is_blank = False
        elif tag == "form":
            self._is_within = False


def submit(browser: Client, page: Any, address: str, **words: str) -> Any:
    """Send the form of a ticket's page to one of its buttons' addresses, encoded as the page asks for it."""
    form = _Form()
    form.feed(text_of(page))
    form.close()
    assert "claim_number" in form.fields
    fields = form.fields | words
    if form.is_multipart:
        return browser.post(address, fields)
    return browser.post(address, urlencode(fields), content_type="application/x-www-form-urlencoded")
