"""Who sees which review queues and tickets, and may do what there."""

from collections.abc import Collection

import pytest
from django.contrib.auth.models import AnonymousUser, User

from escalation.domain.desk_rights import DeskRight, DeskRole, desk_rights_of
from escalation.errors import TicketNotFound
from escalation.models import ReviewQueue, Ticket
from escalation.selectors import (
    find_known_queues,
    find_queues,
    find_ticket,
    is_at_desk,
    list_desk_rights,
    list_offered_tickets,
    may_desk,
    require_desk,
    scope_tickets,
)
from orchestration.errors import RightMissing, ScopeMissing
from orchestration.models import Project
from orchestration.selectors.scope import Caller, call_as
from tests.integration.escalation.desk import hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket() -> Ticket:
    return hold()[0]


@pytest.fixture
def queue(ticket: Ticket) -> ReviewQueue:
    return ticket.queue


def _restrict(queue: ReviewQueue) -> None:
    ReviewQueue.objects.filter(pk=queue.pk).update(is_restricted=True)
    queue.refresh_from_db()


def _rights(caller: Caller, queue: ReviewQueue) -> set[DeskRight]:
    """Return what somebody may do, as each of the questions says; they must agree."""
    asked = {right for right in DeskRight if may_desk(caller, queue, right)}
    assert asked == list_desk_rights(caller).get(queue.pk, frozenset())
    return asked


def _stranger(name: str = "nora") -> User:
    return User.objects.create_user(name, is_staff=True)


@pytest.mark.parametrize("is_restricted", [False, True])
@pytest.mark.parametrize("role", DeskRole)
def test_a_role_at_the_queue_is_enough(role: DeskRole, queue: ReviewQueue, *, is_restricted: bool) -> None:
    if is_restricted:
        _restrict(queue)
    nora = call_as(give_role(_stranger(), queue, role))
    assert _rights(nora, queue) == desk_rights_of([role], None)
    assert (is_at_desk(nora), scope_tickets(nora).count()) == (True, 1)


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        ("viewer", {"look"}),
        ("operator", {"look"}),
        ("reviewer", {"look", "decide"}),
        ("admin", {"look", "decide", "lead", "manage", "read_audit"}),
    ],
)
def test_a_role_in_the_project_counts_unless_the_queue_is_restricted(
    role: str, rights: Collection[str], queue: ReviewQueue, ticket: Ticket
) -> None:
    member = call_as(make_member("mia", role))
    assert _rights(member, queue) == rights
    assert find_ticket(member, ticket.pk).pk == ticket.pk
    _restrict(queue)
    assert _rights(member, queue) == set()
    assert list(scope_tickets(member)) == list(list_offered_tickets(member)) == []
    with pytest.raises(TicketNotFound):
        find_ticket(member, ticket.pk)
    assert list(find_known_queues(member)) == ([queue] if role == "admin" else [])


def test_a_superuser_may_choose_who_works_at_a_restricted_queue_and_sees_nothing_of_it(
    queue: ReviewQueue,
) -> None:
    root = call_as(User.objects.create_superuser("root"))
    assert _rights(root, queue) == set(DeskRight)
    _restrict(queue)
    assert _rights(root, queue) == {DeskRight.MANAGE}
    assert list(scope_tickets(root)) == []


def test_roles_at_one_queue_open_no_other(queue: ReviewQueue, ticket: Ticket) -> None:
    other = ReviewQueue.objects.create(project=queue.project, slug="vip", name="VIP")
    nora = call_as(give_role(_stranger(), other, "lead"))
    assert list(find_queues(nora)) == [other]
    assert list(scope_tickets(nora)) == []
    with pytest.raises(TicketNotFound):
        find_ticket(nora, ticket.pk)


def test_nobody_is_nowhere(queue: ReviewQueue) -> None:
    give_role(_stranger(), queue, "lead")
    gone = _stranger("gone")
    give_role(gone, queue, "lead")
    gone.is_active = False
    for caller in (call_as(AnonymousUser()), call_as(gone), call_as(_stranger("else"))):
        assert (_rights(caller, queue), is_at_desk(caller)) == (set(), False)


def test_a_token_of_another_project_opens_no_queue(queue: ReviewQueue) -> None:
    other = Project.objects.create(slug="other", name="Other")
    person = give_role(_stranger(), queue, "lead")
    token = Caller(person.pk, is_superuser=False, scopes=frozenset({"read", "review"}), project_id=other.pk)
    root = Caller(User.objects.create_superuser("root").pk, True, frozenset({"admin"}), other.pk)
    for caller in (token, root):
        assert (_rights(caller, queue), is_at_desk(caller)) == (set(), False)


@pytest.mark.parametrize(("scope", "right"), [("read", DeskRight.DECIDE), ("review", DeskRight.MANAGE)])
def test_what_a_token_is_not_for_is_named(scope: str, right: DeskRight, queue: ReviewQueue) -> None:
    person = make_member("ada", "admin")
    caller = Caller(person.pk, is_superuser=False, scopes=frozenset({scope}))
    with pytest.raises(ScopeMissing, match="lacks the scope"):
        require_desk(caller, queue, right)


def test_a_refusal_names_the_roles_that_would_do(queue: ReviewQueue) -> None:
    viewer = call_as(make_member("vera", "viewer"))
    with pytest.raises(
        RightMissing, match="takes the role reviewer or lead there, or reviewer or admin in its project"
    ):
        require_desk(viewer, queue, DeskRight.DECIDE)
    _restrict(queue)
    give_role(User.objects.get(username="vera"), queue, "viewer")
    with pytest.raises(RightMissing, match=r"takes the role reviewer or lead there$"):
        require_desk(viewer, queue, DeskRight.DECIDE)
