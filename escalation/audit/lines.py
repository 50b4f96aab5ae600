"""Writing a line of the audit."""

import json
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, transaction
from django.db.models.functions import TruncHour

from escalation.audit.origin import current_origin, enter, find_system_user
from escalation.domain.acts import Act, Door
from escalation.errors import AuditUnavailable
from escalation.models import AuditLine, ClockTimestamp, ReviewQueue, Ticket

ENGINE = "engine"


def record(
    act: Act,
    user: AbstractBaseUser | None,
    *,
    ticket: Ticket | None = None,
    queue: ReviewQueue | None = None,
    digest: str = "",
    **data: Any,
) -> None:
    """Tell what was done, in the transaction that does it.

    Args:
        user: None for the engine itself, such as a rule.
        ticket: what it was done at; its queue is told along.  queue: of what was done at no ticket.
        digest: SHA-256 of what was judged, where that matters.  data: JSON values that say the rest.
    """
    _write(act, user, ticket, queue, digest, data)


def record_seen(ticket: Ticket, user: AbstractBaseUser | None) -> None:
    """Tell that somebody was shown what a ticket asks about, whole: once an hour for the same bytes.

    Call it before the answer is sent: what can't be told must not be shown.

    Args: user: None at a shell, where nobody said who looks: the line has the system's user.
    Raises: AuditUnavailable: the line can't be written.
    """
    try:
        with transaction.atomic():
            _write(Act.SAW, user, ticket, None, ticket.seen_digest, {})
    except DatabaseError as error:
        raise AuditUnavailable(ticket.pk) from error


def note_seen(shown: Mapping[int, Collection[str]], user_id: int | None) -> frozenset[int]:
    """Tell whose proposals somebody is about to be shown elsewhere than at the ticket; return what can't be told.

    Who came through no door of the desk is at a shell, with a command of the engine.

    Args: shown: by step, the digests of what is shown. A ticket that asked about other bytes is not told of.
    """
    tickets = Ticket.objects.filter(step__in=shown, has_proposal=True).defer("seen_json", "draft_json")
    seen = [ticket for ticket in tickets.order_by("pk") if ticket.seen_digest in shown[ticket.step_id]]
    if not seen:
        return frozenset()
    user = None if user_id is None else get_user_model().objects.get(pk=user_id)
    untold = set[int]()
    is_at_shell = current_origin().door is Door.ENGINE
    with enter(Door.COMMAND, find_system_user()) if is_at_shell else nullcontext():
        for ticket in seen:
            try:
                record_seen(ticket, user)
            except AuditUnavailable:
                untold.add(ticket.step_id)
    return frozenset(untold)


def _write(
    act: Act,
    user: AbstractBaseUser | None,
    ticket: Ticket | None,
    queue: ReviewQueue | None,
    digest: str,
    data: dict[str, Any],
) -> None:
    origin = current_origin()
    queue_id = ticket.queue_id if ticket else (queue.pk if queue else None)
    line = AuditLine(
        act=act,
        actor_id=user.pk if user else None,
        actor_name=user.get_username() if user else ENGINE,
        ticket=ticket,
        queue_id=queue_id,
        digest=digest,
        hour=TruncHour(ClockTimestamp()) if act is Act.SAW else None,
        door=origin.door,
        address=origin.address,
        data_json=json.dumps(data, sort_keys=True, default=str),
    )
    AuditLine.objects.bulk_create([line], ignore_conflicts=act is Act.SAW)
