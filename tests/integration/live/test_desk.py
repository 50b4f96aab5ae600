"""The stream of the desk, by a real web process: new tickets within seconds, and only while one may look."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import transaction

from escalation.escrow import claim_ticket
from escalation.models import BreachDeed, Presence, Ticket
from escalation.selectors.changes import read_changes, read_moment
from tests.integration.escalation.buttons import sign_in as open_browser
from tests.integration.escalation.desk import hold
from tests.integration.live.conftest import sign_in
from tests.integration.orchestration.rig import in_thread
from tests.people import make_member


@contextmanager
def _follow(web: str, person: User) -> Iterator[Iterator[tuple[str, Any]]]:
    """Open the stream; give its events, and nothing more once it ends."""
    place = urlsplit(web)
    line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    headers = {"Host": "localhost", "Accept": "text/event-stream", "Cookie": sign_in(person)}
    line.request("GET", "/api/v1/tickets/stream", headers=headers)
    answer = line.getresponse()
    assert answer.status == 200
    try:
        yield _read(answer)
    finally:
        line.close()


def _read(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    event = ""
    while raw := answer.readline():
        name, _, value = raw.decode().strip().partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


def _find(events: Iterator[tuple[str, Any]], kind: str, number: int) -> Any:
    return next(one for event, data in events if event == kind for one in data if one["id"] == number)


def test_a_new_ticket_its_claim_and_who_looks_are_told(web: str) -> None:
    anna, ben = make_member("anna", "reviewer"), make_member("ben", "reviewer")
    with _follow(web, anna) as events:
        assert next(events) == ("again", {})
        (ticket,) = hold()
        assert _find(events, "tickets", ticket.pk)["claimed_by"] is None
        claim_ticket(ticket.pk, ben)
        told = _find(events, "tickets", ticket.pk)
        assert told["claimed_by"] == "ben"
        assert not {"seen_json", "reason", "title"} & set(told)
        address = f"/api/v1/tickets/{ticket.pk}/presence"
        assert open_browser(ben).put(address).json() == {"others": []}
        assert open_browser(anna).put(address).json() == {"others": ["ben"]}
        assert "ben" in _find(events, "looking", ticket.pk)["names"]
        assert open_browser(anna).delete(address).status_code == 204
        assert list(Presence.objects.values_list("person__username", flat=True)) == ["ben"]


def _lose_role(person: User) -> None:
    person.groups.clear()


def _switch_off(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def _sign_out(person: User) -> None:
    for session in Session.objects.all():
        if session.get_decoded().get(SESSION_KEY) == str(person.pk):
            session.delete()


@pytest.mark.parametrize("leave", [_lose_role, _switch_off, _sign_out])
def test_a_stream_tells_nothing_more_and_ends_with_the_right_to_it(
    web: str, leave: Callable[[User], None]
) -> None:
    person = make_member(f"carl{leave.__name__}", "reviewer")
    with _follow(web, person) as events:
        assert next(events) == ("again", {})
        leave(person)
        # What happens from here on is not for them, however soon it does. Who looks at older tickets was told before.
        (ticket,) = hold()
        told = {one["id"] for event, data in events if event != "again" for one in data}
    assert ticket.pk not in told


def _read_until(events: Iterator[tuple[str, Any]], holder: str) -> Iterator[dict[str, Any]]:
    """Yield what is told of tickets, up to the one that somebody has claimed."""
    for event, data in events:
        for one in data if event == "tickets" else ():
            yield one
            if one["claimed_by"] == holder:
                return


def test_a_guest_follows_the_ticket_that_was_opened_to_them_and_no_other(web: str) -> None:
    ticket, other = hold()[0], hold()[0]
    gail, guests = User.objects.create_user("gail", is_staff=True), Group.objects.create(name="guests")
    gail.groups.add(guests)
    BreachDeed.objects.create(ticket=ticket, deadline="resolution", step="widen", outcome="", group=guests)
    ben = make_member("bert", "reviewer")
    with _follow(web, gail) as events:
        assert next(events) == ("again", {})
        claim_ticket(other.pk, ben)
        claim_ticket(ticket.pk, ben)
        # The watcher may have been at work already: then the ticket's opening is told first.
        told = [one for one in _read_until(events, "bert") if one["id"] in {ticket.pk, other.pk}]
    assert {one["id"] for one in told} == {ticket.pk}


def test_a_change_that_commits_late_is_told_once() -> None:
    """Its transaction began before the last look, and others that began later were told already."""
    person = make_member("dora", "reviewer")
    slow, quick = hold()[0], hold()[0]
    queues = [slow.queue_id]
    locked, looked = threading.Event(), threading.Event()

    def change_slowly() -> None:
        with transaction.atomic():
            Ticket.objects.filter(pk=slow.pk).update(draft_json="{}")
            locked.set()
            assert looked.wait(30)

    moment = read_moment()
    late = in_thread(change_slowly)
    assert locked.wait(30)
    claim_ticket(quick.pk, person)
    first = read_changes(moment, queues)
    second = read_changes(first.snapshot, queues)
    looked.set()
    late.result(timeout=30)
    third = read_changes(second.snapshot, queues)
    fourth = read_changes(third.snapshot, queues)

    told = [[change.id for change in news.changes] for news in (first, second, third, fourth)]
    assert told == [[quick.pk], [], [slow.pk], []]
    assert read_changes(moment, [0]).changes == ()
