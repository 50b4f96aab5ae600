"""Pressing the console's buttons as a browser does, with what a ticket's page holds."""

from typing import Any

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
