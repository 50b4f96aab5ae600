"""What people said about a ticket."""

from typing import Final

from escalation.models import Comment, Ticket

MOST_COMMENTS: Final = 100


def list_comments(ticket: Ticket) -> list[Comment]:
    """Return the latest comments on a ticket, the first of them first; at most MOST_COMMENTS."""
    return list(Comment.objects.filter(ticket=ticket).order_by("-id")[:MOST_COMMENTS])[::-1]
