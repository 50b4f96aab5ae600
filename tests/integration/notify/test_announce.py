"""Announcing: rows in the caller's transaction, once for each recipient."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from escalation.domain.notices import Happening
from escalation.models import Notice, Ticket, read_clock
from escalation.notify import announce
from tests.integration.escalation.desk import race

pytestmark = pytest.mark.django_db


def test_a_notice_says_what_happened_to_whom(ticket: Ticket, anna: User) -> None:
    before = read_clock()
    [made] = announce(
        Happening.LEVEL, key=f"level:{ticket.pk}:2", ticket=ticket, people=[anna.pk], level=2, percent=75
    )
    notice = Notice.objects.get()
    assert (notice.pk, notice.happening, notice.level, notice.ticket, notice.queue_id, notice.person) == (
        made,
        "level",
        2,
        ticket,
        ticket.queue_id,
        anna,
    )
    assert (notice.channel, notice.data_json, notice.planned_at) == ("", '{"percent": 75}', None)
    assert timedelta(0) <= notice.made_at - before < timedelta(minutes=1)


def test_the_same_is_told_each_recipient_once(ticket: Ticket, anna: User, ben: User) -> None:
    def sweep(people: list[int]) -> int:
        return len(
            announce(
                Happening.BREACHED,
                key="breach:1",
                ticket=ticket,
                people=people,
                channels=["ops", "ops"],
                to_queue=True,
            )
        )

    assert [sweep([anna.pk]), sweep([anna.pk]), sweep([anna.pk, ben.pk, ben.pk])] == [3, 0, 1]
    told = set(Notice.objects.values_list("person__username", "channel"))
    assert told == {("anna", ""), ("ben", ""), (None, "ops"), (None, "")}
    assert Notice.objects.count() == 4


def test_what_is_told_under_another_key_is_something_else(ticket: Ticket, anna: User) -> None:
    for turn in (1, 2):
        assert len(announce(Happening.WARNED, key=f"level:1:{turn}", ticket=ticket, people=[anna.pk])) == 1


def test_a_notice_is_undone_with_what_it_tells(ticket: Ticket, anna: User) -> None:
    with transaction.atomic():
        announce(Happening.ASSIGNED, key="assigned:1", ticket=ticket, people=[anna.pk])
        transaction.set_rollback(True)
    assert not Notice.objects.exists()
    assert announce(Happening.ASSIGNED, key="assigned:1", ticket=ticket, people=[anna.pk])


def test_nobody_to_tell_writes_nothing(ticket: Ticket) -> None:
    assert announce(Happening.TEST, key="x", ticket=ticket, channels=[""]) == []
    assert not Notice.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_that_does_not_fit_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"key: 1 to 200 characters"):
        announce(Happening.TEST, key=key, to_queue=True)


@pytest.mark.django_db(transaction=True)
def test_two_maintainers_at_once_tell_it_once(ticket: Ticket, anna: User, ben: User) -> None:
    people = [anna.pk, ben.pk]
    calls = [lambda: announce(Happening.BREACHED, key="b", ticket=ticket, people=people, to_queue=True)] * 4
    answers = race(calls)
    assert sorted(len(answer) for answer in answers) == [0, 0, 0, 3]
    assert Notice.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_telling_waits_for_nobody_who_works_at_the_ticket(ticket: Ticket, anna: User) -> None:
    told = threading.Event()

    def tell() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            announce(Happening.BREACHED, key="b", ticket=ticket, people=[anna.pk])
        told.set()
        connection.close()

    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=ticket.pk)
        User.objects.select_for_update().get(pk=anna.pk)
        teller = threading.Thread(target=tell)
        teller.start()
        teller.join(timeout=30)
        assert told.is_set()
