"""What an open stream may tell: it asks anew who is there, and what they may see, by the same law as all else."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from escalation.domain.desk_rights import DeskRole
from escalation.live.watcher import _read_rights
from escalation.models import BreachDeed, ReviewQueue, Ticket
from escalation.selectors import find_queues, scope_tickets
from escalation.selectors.listening import View, find_views
from orchestration.domain.rights import Role
from orchestration.models import ApiToken, Project
from orchestration.selectors.entries import Entry, find_callers
from orchestration.selectors.scope import Caller, call_as
from tests.integration.api.people import make_key
from tests.integration.escalation.desk import hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket() -> Ticket:
    return hold()[0]


def _sign_in(person: User) -> Entry:
    client = Client()
    client.force_login(person)
    return Entry(person.pk, session=client.cookies["sessionid"].value)


def _widen(ticket: Ticket, person: User) -> None:
    guests, _ = Group.objects.get_or_create(name="guests")
    person.groups.add(guests)
    BreachDeed.objects.get_or_create(
        ticket=ticket, deadline="resolution", step="widen", group=guests, defaults={"outcome": ""}
    )


@pytest.mark.parametrize("is_restricted", [False, True])
def test_a_stream_tells_of_what_lists_show(ticket: Ticket, *, is_restricted: bool) -> None:
    other = Project.objects.create(slug="other", name="Other")
    people = [give_role(User.objects.create_user(f"at-{role}"), ticket.queue, role) for role in DeskRole]
    people += [make_member(f"in-{role}", role) for role in Role]
    people += [make_member("stranger", "admin", "other"), User.objects.create_superuser("root")]
    guest = User.objects.create_user("guest")
    _widen(ticket, guest)
    ReviewQueue.objects.filter(pk=ticket.queue_id).update(is_restricted=is_restricted)
    callers = [call_as(person) for person in (*people, guest)]
    callers += [Caller(one.user_id, one.is_superuser, frozenset({"read"}), other.pk) for one in callers]

    views = find_views(callers)

    assert {caller: set(view.queues) for caller, view in views.items()} == {
        caller: set(find_queues(caller).values_list("pk", flat=True)) for caller in callers
    }
    assert {caller for caller, view in views.items() if view.holds(ticket.queue_id, ticket.pk)} == {
        caller for caller in callers if scope_tickets(caller).filter(pk=ticket.pk).exists()
    }


def test_a_guest_hears_that_the_ticket_is_decided_and_no_more_of_it_then(ticket: Ticket) -> None:
    guest = User.objects.create_user("guest")
    _widen(ticket, guest)
    Ticket.objects.filter(pk=ticket.pk).update(status="withdrawn", withdrawn_at=timezone.now())
    caller = call_as(guest)
    assert find_views([caller], changed=[ticket.pk])[caller] == View(tickets=frozenset({ticket.pk}))
    assert find_views([caller])[caller] == View()


def test_an_open_stream_asks_anew_whether_one_is_there_and_what_one_may(ticket: Ticket) -> None:
    nora, gone = (
        give_role(User.objects.create_user(name), ticket.queue, "viewer") for name in ("nora", "gone")
    )
    root = User.objects.create_superuser("root")
    entries = [_sign_in(person) for person in (nora, root, gone)]
    assert [len(view.queues) for view in _read_rights(entries, ()).values()] == [1, 1, 1]

    # when: one loses the role, one is a superuser no more, one is switched off
    nora.groups.clear()
    User.objects.filter(pk=root.pk).update(is_superuser=False)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    assert _read_rights(entries, ()) == dict.fromkeys(entries, View())


def test_who_signed_out_or_has_another_password_is_let_in_no_more() -> None:
    anna, ben, carl, dora = (User.objects.create_user(name, password="old") for name in "abcd")
    entries = {person: _sign_in(person) for person in (anna, ben, carl, dora)}
    assert set(find_callers(entries.values())) == set(entries.values())

    Session.objects.get(session_key=entries[anna].session).delete()
    ben.set_password("new")
    ben.save()
    Session.objects.filter(session_key=entries[carl].session).update(expire_date=timezone.now())

    assert set(find_callers(entries.values())) == {entries[dora]}
    # Another's session opens nothing for one.
    assert find_callers([Entry(anna.pk, session=entries[dora].session), Entry(anna.pk)]) == {}


def test_whose_token_was_revoked_or_ended_is_let_in_no_more() -> None:
    anna = User.objects.create_user("anna")
    for _ in range(3):
        make_key(anna, "read")
    kept, revoked, ended = (Entry(anna.pk, token=token.pk) for token in ApiToken.objects.order_by("created"))
    assert find_callers([kept])[kept] == Caller(anna.pk, is_superuser=False, scopes=frozenset({"read"}))
    ApiToken.objects.filter(pk=revoked.token).delete()
    ApiToken.objects.filter(pk=ended.token).update(expiry=timezone.now() - timedelta(seconds=1))
    assert set(find_callers([kept, revoked, ended])) == {kept}
