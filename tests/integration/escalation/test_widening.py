"""A missed deadline opens a ticket to a further group: its members decide this ticket, and nothing else."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from escalation.domain.desk_rights import DeskRight
from escalation.domain.inbox import InboxQuery
from escalation.errors import TicketNotFound
from escalation.escrow import claim_next_ticket, resolve_ticket
from escalation.models import AuditLine, BreachAction, BreachDeed, Notice, Ticket
from escalation.selectors import (
    find_queues,
    find_ticket,
    is_at_desk,
    list_offered_tickets,
    may_at_ticket,
    scope_tickets,
)
from escalation.selectors.inbox import count_inbox, list_inbox
from escalation.watch import look_at_tickets
from orchestration.domain.states import ResolutionKind
from orchestration.errors import RightMissing, ScopeMissing
from orchestration.models import Project, Step
from orchestration.selectors.scope import Caller, call_as
from tests.integration.escalation.clocks import at, at_time
from tests.integration.escalation.desk import hold

pytestmark = pytest.mark.django_db
OPENED, MISSED, LATER = "2026-11-23T09:00", "2026-11-23T09:06", "2026-11-23T09:20"


@pytest.fixture
def second_line() -> Group:
    return Group.objects.create(name="second line")


@pytest.fixture
def gail(second_line: Group) -> User:
    """Staff who have no role at any queue, in the group that is added."""
    person = User.objects.create_user("gail", password="secret-word", is_staff=True)
    person.groups.add(second_line)
    return person


@pytest.fixture
def tickets(second_line: Group) -> list[Ticket]:
    """Two of one queue, of which the first is late."""
    with at_time(OPENED):
        late = hold()[0]
    with at_time(LATER):
        other = hold()[0]
    BreachAction.objects.create(
        queue=late.queue, deadline="resolution", step="widen", to_group=second_line
    ).full_clean()
    return [late, other]


def _look(time: str = MISSED) -> None:
    with at_time(time):
        Ticket.objects.filter(status="open").update(next_look_at=at(OPENED))
        look_at_tickets()


def test_the_members_decide_this_ticket_and_nothing_else(tickets: list[Ticket], gail: User) -> None:
    late, other = tickets
    caller = call_as(gail)
    assert (list(scope_tickets(caller)), is_at_desk(caller)) == ([], False)

    _look()

    assert list(scope_tickets(caller)) == list(list_offered_tickets(caller)) == [late]
    assert is_at_desk(caller)
    allowed = {right for right in DeskRight if may_at_ticket(caller, late, right)}
    assert allowed == {DeskRight.LOOK, DeskRight.DECIDE}
    assert not any(may_at_ticket(caller, other, right) for right in DeskRight)
    assert list(find_queues(caller)) == []
    with pytest.raises(TicketNotFound):
        find_ticket(caller, other.pk)
    with pytest.raises(RightMissing):
        find_ticket(caller, late.pk, DeskRight.LEAD)

    claimed = claim_next_ticket(gail, caller)
    assert claimed == late
    resolve_ticket(late.pk, gail, ResolutionKind.APPROVE, claim_number=None, seen_digest=None)
    assert Step.objects.get(pk=late.step_id).status == "succeeded"


def test_it_is_done_told_and_audited_once(tickets: list[Ticket], gail: User, second_line: Group) -> None:
    _look()
    _look(LATER)

    deed = BreachDeed.objects.get(ticket=tickets[0], step="widen")
    assert (deed.group, deed.outcome) == (second_line, "the members of “second line” may decide it, too")
    assert Notice.objects.filter(person=gail, happening="breached", ticket=tickets[0]).count() == 1
    assert AuditLine.objects.filter(ticket=tickets[0], act="breached").count() == 1


def test_who_leaves_the_group_is_out_and_who_comes_is_in(
    tickets: list[Ticket], gail: User, anna: User, second_line: Group
) -> None:
    _look()
    second_line.user_set.set([anna])

    assert list(scope_tickets(call_as(gail))) == []
    assert tickets[0] in scope_tickets(call_as(anna))


def test_it_stays_open_to_them_in_another_queue_and_once_decided(
    tickets: list[Ticket], gail: User, anna: User
) -> None:
    late = tickets[0]
    vip = type(late.queue).objects.create(project=late.queue.project, slug="vip", name="VIP")
    BreachAction.objects.create(queue=late.queue, deadline="resolution", step="reroute", to_queue=vip)

    _look()

    late.refresh_from_db()
    assert late.queue == vip
    assert list(scope_tickets(call_as(gail))) == [late]


def test_tokens_keep_their_bounds(tickets: list[Ticket], gail: User) -> None:
    _look()
    late = tickets[0]
    elsewhere = Project.objects.create(slug="other", name="Other")
    foreign = Caller(gail.pk, False, frozenset({"read", "review"}), elsewhere.pk)
    reading = Caller(gail.pk, False, frozenset({"read"}))

    assert (list(scope_tickets(foreign)), is_at_desk(foreign)) == ([], False)
    assert find_ticket(reading, late.pk) == late
    with pytest.raises(ScopeMissing):
        find_ticket(reading, late.pk, DeskRight.DECIDE)


def test_whoever_asked_for_the_work_is_no_decider_as_a_guest_either(second_line: Group, gail: User) -> None:
    with at_time(OPENED):
        ticket = hold(requested_by=gail)[0]
    BreachAction.objects.create(queue=ticket.queue, deadline="resolution", step="widen", to_group=second_line)
    _look()

    assert list(scope_tickets(call_as(gail))) == [ticket]
    assert list(list_offered_tickets(call_as(gail))) == []


def test_their_inbox_shows_and_counts_it_in_as_many_statements(tickets: list[Ticket], gail: User) -> None:
    with CaptureQueriesContext(connection) as before:
        assert list_inbox(gail.pk, [], InboxQuery()).tickets == []
        assert count_inbox(gail.pk, []).open == 0
    _look()
    with CaptureQueriesContext(connection) as after:
        (row,) = list_inbox(gail.pk, [], InboxQuery()).tickets
        counts = count_inbox(gail.pk, [])

    assert (row, row.is_guest) == (tickets[0], True)
    assert (counts.open, counts.free, counts.breaching) == (1, 1, 1)
    assert len(before) == len(after)


def test_they_work_in_the_console(tickets: list[Ticket], gail: User, client: Client) -> None:
    client.force_login(gail)
    inbox = "/admin/escalation/ticket/"
    assert client.get(inbox).status_code == 403
    _look()
    late, other = tickets

    page = client.get(inbox).content.decode()
    assert f"/admin/escalation/ticket/{late.pk}/claim/" in page
    assert f"/admin/escalation/ticket/{other.pk}/" not in page
    assert client.post(f"{inbox}{late.pk}/claim/").status_code == 302
    assert Ticket.objects.get(pk=late.pk).claimed_by == gail
    assert client.get(f"{inbox}{late.pk}/change/").status_code == 200
    assert client.get(f"{inbox}{other.pk}/change/").status_code == 404
    assert client.post(f"{inbox}{late.pk}/pause/", {"reason": "x"}).status_code == 403


def test_a_group_that_is_gone_adds_nobody(tickets: list[Ticket], second_line: Group) -> None:
    second_line.delete()

    _look()

    deed = BreachDeed.objects.get(step="widen")
    assert (deed.group_id, deed.outcome) == (None, "nobody was added: the group is gone")


@pytest.mark.parametrize(("step", "field"), [("widen", "to_group"), ("reroute", "to_queue")])
def test_an_action_says_where_to(tickets: list[Ticket], step: str, field: str) -> None:
    action = BreachAction(queue=tickets[0].queue, deadline="first_touch", step=step)
    with pytest.raises(ValidationError) as refused:
        action.full_clean()
    assert list(refused.value.message_dict) == [field]


def test_the_queue_that_it_went_to_looks_at_it_next(tickets: list[Ticket], gail: User) -> None:
    late = tickets[0]
    vip = type(late.queue).objects.create(project=late.queue.project, slug="vip", name="VIP")
    BreachAction.objects.create(queue=late.queue, deadline="resolution", step="reroute", to_queue=vip)
    BreachAction.objects.create(queue=late.queue, deadline="resolution", step="abort")
    BreachAction.objects.create(queue=vip, deadline="resolution", step="default")
    _look()

    late.refresh_from_db()
    assert (late.is_open, late.next_look_at) == (True, at(MISSED))
    with at_time(LATER):
        look_at_tickets()
    late.refresh_from_db()
    outcome = BreachDeed.objects.get(ticket=late, step="default").outcome
    assert outcome.startswith("nothing was done: safe_default"), (
        "as the new queue says; the old one said abort"
    )
