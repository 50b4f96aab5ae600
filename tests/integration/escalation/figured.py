"""Tickets at chosen times: written as rows, since the engine's clock can't be set."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from escalation.models import Breach, Ticket
from tests.integration.escalation.desk import hold


def place_ticket(
    opened_at: datetime,
    *,
    touched: float | None = None,
    resolved: float | None = None,
    by: User | None = None,
    kind: str = "approve",
    late: bool = False,
    **fields: Any,
) -> Ticket:
    """Make a ticket that opened at a moment; the other times are seconds after that.

    Args: late: it missed its resolution's due time, a minute after it opened.
    """
    held, *_ = hold()
    like = {field.attname: getattr(held, field.attname) for field in Ticket._meta.concrete_fields}
    Ticket.objects.filter(pk=held.pk).update(status="withdrawn", withdrawn_at=_LONG_AGO)
    seen = fields.pop("seen_json", held.seen_json)
    moments = {
        "opened_at": opened_at,
        "first_touch_due_at": opened_at + timedelta(seconds=30),
        "due_at": opened_at + timedelta(seconds=60),
        "touched_at": None if touched is None else opened_at + timedelta(seconds=touched),
        "resolved_at": None if resolved is None else opened_at + timedelta(seconds=resolved),
    }
    decided: dict[str, Any] = {}
    if resolved is not None:
        given = fields.pop("output_json", '"else"')
        output = {"approve": seen, "edit": given, "default": given}.get(kind)
        decided = {
            "status": "resolved",
            "resolution": kind,
            "resolved_by_id": by.pk if by else None,
            "resolution_output_json": output,
            "feedback": "better" if kind == "send_back" else "",
        }
    del like["id"]
    digest = hashlib.sha256(seen.encode()).hexdigest()
    row = {**like, **moments, "seen_json": seen, "seen_digest": digest, **decided, **fields}
    ticket = Ticket.objects.create(**row)
    if late:
        due_at = ticket.due_at
        Breach.objects.create(
            ticket=ticket, deadline="resolution", due_at=due_at, found_at=due_at + timedelta(seconds=1)
        )
    return ticket


_LONG_AGO = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
