"""Which tickets a search finds. Reads only; `watch/words.py` writes what it reads."""

from typing import Final

from django.contrib.postgres.search import SearchQuery
from django.db.models import Exists, OuterRef, QuerySet

from escalation.domain.states import TicketStatus
from escalation.domain.words import read_terms
from escalation.models import Ticket, TicketWords

_CONFIGURATION: Final = "simple"
_MOST_COUNTED: Final = 100


def narrow_to_search(tickets: QuerySet[Ticket], search: str) -> QuerySet[Ticket]:
    """Return those tickets that hold everything that was typed, or have the number that was typed.

    Each hit says in `is_cut` whether only its beginning was searched.
    """
    terms = read_terms(search)
    found = TicketWords.objects.order_by()
    for part in terms.parts:
        found = found.filter(codes__contains=part)
    if terms.beginnings:
        asked = " & ".join(f"'{_quote(word)}':*" for word in terms.beginnings)
        found = found.filter(words=SearchQuery(asked, config=_CONFIGURATION, search_type="raw"))
    if not terms.parts and not terms.beginnings:
        found = found.none()
    numbers = found.values("pk")
    if terms.number is not None:
        numbers = numbers.union(Ticket.objects.order_by().filter(pk=terms.number).values("pk"))
    is_cut = Exists(TicketWords.objects.filter(pk=OuterRef("pk"), is_cut=True))
    return tickets.filter(pk__in=numbers).annotate(is_cut=is_cut)


def count_unsearched(tickets: QuerySet[Ticket]) -> int:
    """Return how many of these tickets that are open no search can find yet or at all, up to a bound."""
    known = Exists(TicketWords.objects.filter(pk=OuterRef("pk"), is_readable=True))
    unsearched = tickets.order_by().filter(~known, status=TicketStatus.OPEN)
    return int(unsearched.values("pk")[:_MOST_COUNTED].count())


def _quote(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "''")
