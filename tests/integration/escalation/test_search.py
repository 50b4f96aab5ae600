"""The search over input and proposal: written after the commit, by a sweep that leaves no ticket out."""

import threading
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import DataError, connection, transaction
from django.urls import reverse

from agents import Result
from escalation.domain.inbox import InboxQuery
from escalation.models import Ticket, TicketWords, WordsPlace
from escalation.selectors.inbox import find_inbox
from escalation.watch import words, write_words
from tests.integration.escalation.buttons import LIST, sign_in, text_of
from tests.integration.escalation.desk import hold
from tests.integration.orchestration.rig import in_thread

pytestmark = pytest.mark.django_db


def _find(search: str) -> list[int]:
    queue_ids = list(Ticket.objects.values_list("queue", flat=True).distinct())
    return list(
        find_inbox(0, queue_ids, InboxQuery(search=search)).order_by("pk").values_list("pk", flat=True)
    )


def _hold(value: Any) -> Ticket:
    return hold(writer=lambda _task: Result(value, confidence=0.1))[0]


def test_words_and_numbers_of_input_and_proposal_are_found() -> None:
    lamp = _hold({"body": "Ihre Lampen-Bestellung ist verspätet", "order": "K-4711-X", "amount": 129.9})
    other = _hold({"body": "It's there"})
    write_words()

    for search in ("lampen", "VERSPÄTET", "best", "4711", "k-4711", "129.9", "verspätet 4711", f"#{lamp.pk}"):
        assert _find(search) == [lamp.pk], search
    assert _find("where is my lamp") == _find("letter draft confidence") == [lamp.pk, other.pk]
    assert _find("it's") == [other.pk]
    for search in ("lampen there", "body", "4712", "?!", "'", "\\", "zz | letter", ":*", "'':* | 'zz"):
        assert _find(search) == [], search


def test_a_new_ticket_is_listed_at_once_and_said_not_to_be_searched_yet(ticket: Ticket, anna: User) -> None:
    page = text_of(sign_in(anna).get(reverse(LIST) + "?q=lamp"))
    assert "1 open ticket can" in page
    assert f'data-ticket="{ticket.pk}"' in text_of(sign_in(anna).get(reverse(LIST)))

    write_words()

    page = text_of(sign_in(anna).get(reverse(LIST) + "?q=lamp"))
    assert f'data-ticket="{ticket.pk}"' in page
    assert "be searched yet" not in page


def test_a_hit_says_that_only_the_beginning_was_searched(anna: User) -> None:
    _hold({"body": "early " + "filler " * 12_000 + "late"})
    write_words()

    assert "only its beginning was searched" in text_of(sign_in(anna).get(reverse(LIST) + "?q=early"))
    assert _find("late") == []


def test_what_can_not_be_written_is_listed_all_the_same_and_holds_nothing_up(anna: User) -> None:
    first, second = hold()[0], hold()[0]
    insert = words._insert

    def refuse_first(number: int, text: str, *given: Any, **options: Any) -> None:
        if number == first.pk and text:
            raise DataError("no tsvector")
        insert(number, text, *given, **options)

    with patch.object(words, "_insert", refuse_first):
        write_words()

    assert _find("lamp") == [second.pk]
    page = text_of(sign_in(anna).get(reverse(LIST)))
    assert all(f'data-ticket="{one.pk}"' in page for one in (first, second))
    assert "be searched yet" in text_of(sign_in(anna).get(reverse(LIST) + "?q=lamp"))


def test_a_sweep_without_news_writes_nothing_and_forgets_nothing(ticket: Ticket) -> None:
    write_words()
    written = TicketWords.objects.get(pk=ticket.pk).written_at
    write_words()
    assert TicketWords.objects.get().written_at == written


@pytest.mark.django_db(transaction=True)
def test_tickets_older_than_the_search_follow_the_newest_first() -> None:
    old = [hold()[0].pk for _ in range(5)]
    # Windows of numbers that others used are passed by too: in all the time that a busy machine takes for them.
    with patch.object(words, "SWEEP_LIMIT", 2), patch.object(words, "_LONGEST_SECONDS", 60):
        write_words()
    assert sorted(TicketWords.objects.values_list("pk", flat=True)) == old
    assert WordsPlace.objects.get().older_than == 0


def test_more_than_one_sweep_can_write_is_left_for_the_next() -> None:
    write_words()
    numbers = [hold()[0].pk for _ in range(3)]
    with patch.object(words, "SWEEP_LIMIT", 2):
        write_words()
        assert TicketWords.objects.count() == 2
        write_words()
    assert sorted(TicketWords.objects.values_list("pk", flat=True)) == numbers


@pytest.mark.django_db(transaction=True)
def test_a_ticket_that_commits_late_is_found() -> None:
    """Its transaction began before that of one which was written already."""
    opened, swept = threading.Event(), threading.Event()

    (known,) = hold()

    def copy() -> int:
        """Open another one like it, without what runs and publishing would wait for."""
        known.pk, known.status, known.withdrawn_at = None, "withdrawn", known.opened_at
        known.save(force_insert=True)
        return int(known.pk)

    def open_slowly() -> int:
        with transaction.atomic():
            number = copy()
            opened.set()
            assert swept.wait(30)
        return number

    write_words()
    late = in_thread(open_slowly)
    assert opened.wait(30)
    first, quick = known.pk - 1, copy()
    write_words()
    assert set(TicketWords.objects.values_list("pk", flat=True)) == {first, quick}
    swept.set()
    number = late.result(timeout=30)
    write_words()
    assert set(TicketWords.objects.values_list("pk", flat=True)) == {first, quick, number}


def test_parts_of_numbers_have_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'codes_of_ticket'")
        assert "gin_trgm_ops" in cursor.fetchone()[0]
