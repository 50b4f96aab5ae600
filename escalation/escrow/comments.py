"""Comments on a ticket: appended, audited, and told to those whom they mention and who may look."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.comments import find_mentions
from escalation.domain.desk_rights import DeskRight
from escalation.domain.notices import Happening
from escalation.domain.resolution import check_text
from escalation.errors import ResolutionInvalid
from escalation.escrow.rows import require_active
from escalation.models import Comment, Ticket
from escalation.notify import announce
from escalation.selectors import get_ticket, may_at_ticket
from orchestration.selectors.scope import call_as


@dataclass(frozen=True, slots=True)
class Said:
    """A comment as it was kept. Attributes: untold: names it mentions of whom nobody was told."""

    comment: Comment
    untold: tuple[str, ...]


def comment_on(ticket_id: int, user: AbstractBaseUser, text: str) -> Said:
    """Keep what somebody says about a ticket, open or closed, and tell those whom it mentions.

    Who mentions somebody who may not look at the ticket's queue, or nobody at all, learns only that nobody was told.

    Raises:
        ResolutionInvalid: names the field: the text is empty, too long, or no text.
        TicketNotFound, ReviewerInactive: named in the message.
    """
    require_active(user)
    if not text.strip():
        raise ResolutionInvalid("comment: write something first.")
    check_text("comment", text)
    ticket = get_ticket(ticket_id)
    named = find_mentions(text)
    told = [person for person in _find_people(named) if _may_look(person, ticket)]
    names = [person.get_username() for person in told]
    with transaction.atomic():
        comment = Comment.objects.create(
            ticket=ticket,
            author_id=user.pk,
            author_name=user.get_username(),
            text=text.strip(),
            mentioned=names,
        )
        record(Act.COMMENTED, user, ticket=ticket, comment=comment.pk, mentioned=names)
        people = [person.pk for person in told if person.pk != user.pk]
        announce(Happening.MENTIONED, key=f"mention:{comment.pk}", ticket=ticket, people=people)
    return Said(comment, tuple(name for name in named if name not in names))


def _find_people(names: tuple[str, ...]) -> list[User]:
    return list(User.objects.filter(username__in=names, is_active=True).order_by("pk"))


def _may_look(person: User, ticket: Ticket) -> bool:
    return may_at_ticket(call_as(person), ticket, DeskRight.LOOK)
