"""How often an agent was right at a confidence: of its own proposals, at the ticket's queue, and of nothing else."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from escalation.figures import fold_hours
from escalation.figures.folding import HOUR, begin_day, begin_hour
from escalation.models import ReviewQueue, Ticket, read_clock
from escalation.selectors import find_accuracy
from tests.integration.escalation.figured import place_ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def past() -> datetime:
    return begin_hour(read_clock()) - 3 * HOUR + timedelta(minutes=10)


def _fold_all() -> None:
    while fold_hours():
        pass


def test_what_people_let_stand_is_told_of_about_that_confidence(
    past: datetime, anna: User, ticket: Ticket
) -> None:
    other = ReviewQueue.objects.create(project=ticket.queue.project, slug="other", name="Other")
    for kind in ("approve", "approve", "approve", "edit"):
        place_ticket(past, touched=1, resolved=2, by=anna, kind=kind, confidence=0.53)
    place_ticket(past - timedelta(days=2), touched=1, resolved=2, by=anna, kind="skip", confidence=0.5)
    place_ticket(past, touched=1, resolved=2, by=anna, kind="abort", confidence=0.56)
    place_ticket(past, touched=1, resolved=2, by=anna, kind="abort", confidence=0.5, queue_id=other.pk)
    place_ticket(past - timedelta(days=100), touched=1, resolved=2, by=anna, kind="abort", confidence=0.5)
    _fold_all()

    found = find_accuracy(ticket)
    assert found is not None
    assert (found.agent, found.low, found.high) == ("test.writer", 0.5, 0.55)
    assert (found.right, found.judged, found.right_share) == (3, 5, 0.6)
    assert found.interval.low < 0.6 < found.interval.high


def test_what_was_never_judged_or_proposed_tells_nothing(past: datetime, anna: User, ticket: Ticket) -> None:
    place_ticket(past, touched=1, resolved=2, by=anna, kind="skip", has_proposal=False, confidence=0.5)
    _fold_all()

    assert find_accuracy(ticket) is None
    unproposed = place_ticket(past, has_proposal=False)
    assert find_accuracy(unproposed) is None


def test_no_day_is_counted_twice(past: datetime, anna: User, ticket: Ticket) -> None:
    midnight = begin_day(read_clock())
    for moment in (midnight - timedelta(minutes=5), midnight - timedelta(hours=20)):
        place_ticket(moment, touched=1, resolved=2, by=anna, confidence=0.5)
    _fold_all()

    found = find_accuracy(ticket)
    assert found is not None
    assert found.judged == 2
