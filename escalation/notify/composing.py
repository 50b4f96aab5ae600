"""Puts a message together from rows as they are when it is sent: what has been decided since is said."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db.models.functions import Left
from django.urls import reverse

from escalation.conf import get_conf
from escalation.domain.notices import Happening
from escalation.domain.states import TicketStatus
from escalation.domain.wording import MOST_CONTENT, About, Item, name_message, tell
from escalation.models import Delivery, Notice, Ticket, read_clock
from escalation.selectors import find_spec, read_plan, scope_tickets
from orchestration.domain.holds import HoldSubject
from orchestration.selectors.scope import call_as


class NothingToSay(Exception):
    """Whoever was to be told may no longer know it; the message says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out.

    Attributes: id: the same however often it is sent.  person: None: to whom the channel's settings name.
        notices: what each item was made of, for programs.  made_at: by the database's clock, a moment ago.
    """

    id: UUID
    subject: str
    items: tuple[Item, ...]
    notices: tuple[dict[str, Any], ...]
    person: AbstractUser | None
    preferences_url: str
    made_at: datetime

    @property
    def domain(self) -> str:
        """Return the host that people know the desk by."""
        return urlsplit(get_conf().SITE_URL).hostname or "localhost"


def compose(delivery_id: UUID) -> Message:
    """Return a message as it is to be sent now.

    Raises: NothingToSay: the person's account is switched off, or no ticket of it is theirs to see any more.
    """
    delivery = Delivery.objects.get(pk=delivery_id)
    person = _find_person(delivery)
    told = [
        (notice, about)
        for notice in delivery.notices.order_by("made_at", "pk")
        for about in _look(notice, person)
    ]
    if not told:
        raise NothingToSay("they may no longer see what it is about")
    items = tuple(tell(Happening(n.happening), n.level, json.loads(n.data_json), about) for n, about in told)
    return Message(
        id=delivery.pk,
        subject=name_message(items),
        items=items,
        notices=tuple(
            _describe(notice, item, about) for (notice, about), item in zip(told, items, strict=True)
        ),
        person=person,
        made_at=read_clock(),
        preferences_url=get_conf().locate(reverse("admin:escalation_preference_changelist")),
    )


def _find_person(delivery: Delivery) -> Any:
    if delivery.person_id is None:
        return None
    person = get_user_model().objects.filter(pk=delivery.person_id, is_active=True).first()
    if person is None:
        raise NothingToSay("the account is gone, or switched off")
    return person


def _look(notice: Notice, person: AbstractUser | None) -> list[About | None]:
    """Return what a notice is about, if the recipient may see it: rights may have changed since it was announced."""
    if notice.ticket_id is None:
        return [None]
    tickets = (
        scope_tickets(call_as(person)) if person else Ticket.objects.select_related("queue", "run", "step")
    )
    ticket = tickets.annotate(beginning=Left("seen_json", MOST_CONTENT)).filter(pk=notice.ticket_id).first()
    return [_about(ticket, _name_absent(notice, person))] if ticket else []


def _name_absent(notice: Notice, person: AbstractUser | None) -> str:
    """Return instead of whom somebody is told; "" if it was meant for them."""
    if person is None or notice.person_id in (None, person.pk):
        return ""
    absent = get_user_model().objects.filter(pk=notice.person_id).first()
    return absent.get_username() if absent else ""


def _about(ticket: Any, instead_of: str) -> About:
    spec = find_spec(ticket.step, read_plan(ticket))
    return About(
        number=ticket.pk,
        queue=ticket.queue.name,
        subject=HoldSubject(ticket.subject),
        workflow=ticket.run.workflow_name,
        step=ticket.step.key,
        due_at=ticket.due_at,
        url=get_conf().locate(reverse("admin:escalation_ticket_change", args=[ticket.pk])),
        question=spec.review.question if spec and spec.review else "",
        instead_of=instead_of,
        state=_STATES[TicketStatus(ticket.status)],
        content=ticket.beginning if ticket.queue.mail_shows_content else "",
    )


_STATES = {
    TicketStatus.OPEN: "",
    TicketStatus.RESOLVED: "it has been decided since",
    TicketStatus.WITHDRAWN: "it was withdrawn since; nothing is left to decide",
}


def _describe(notice: Notice, item: Item, about: About | None) -> dict[str, Any]:
    """Return a notice as programs read it."""
    told: dict[str, Any] = {
        "id": str(notice.pk),
        "happening": notice.happening,
        "level": notice.level,
        "at": notice.made_at.isoformat(),
        "title": item.title,
    }
    if about is None:
        return told
    shown = {"content": item.content} if item.content else {}
    facts = {label.lower().replace(" ", "_"): value for label, value in item.facts if label != "Due"}
    return (
        told | facts | {"ticket": about.number, "due_at": about.due_at.isoformat(), "url": about.url} | shown
    )
