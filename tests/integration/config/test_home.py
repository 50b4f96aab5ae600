"""The home page: to each what they do, and nothing that they may not see."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from escalation.escrow import claim_ticket
from escalation.models import ReviewQueue, Ticket
from orchestration.models import Membership, Run
from tests.integration.escalation.desk import fail, hold
from tests.integration.orchestration_admin.scenes import play_letter
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db
HOME = "/admin/"
_PARTS = {"reviews": "Your reviews", "desk": "Your review queues", "work": "Agents at work"}


def _open(person: User) -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(HOME)
    assert answer.status_code == 200
    return answer.content.decode()


def _list_parts(page: str) -> list[str]:
    return [name for name, title in _PARTS.items() if f">{title}</h2>" in page]


@pytest.mark.parametrize(
    ("role", "parts"),
    [
        ("reviewer", ["reviews"]),
        ("operator", ["work"]),
        ("viewer", ["work"]),
        ("admin", ["reviews", "desk", "work"]),
    ],
)
def test_each_gets_what_they_do(role: str, parts: list[str]) -> None:
    hold()
    assert _list_parts(_open(make_member("anna", role))) == parts


def test_a_lead_of_a_queue_gets_its_board_and_its_tickets() -> None:
    [ticket] = hold()
    person = User.objects.create_user("lea", is_staff=True)
    assert _list_parts(_open(give_role(person, ticket.queue, "lead"))) == ["reviews", "desk"]


def test_whoever_is_in_no_project_is_told_what_to_do() -> None:
    hold()
    page = _open(User.objects.create_user("olga", is_staff=True))
    assert _list_parts(page) == []
    assert "Ask an administrator to add you to a group" in page


def test_nothing_of_others_queues_is_shown() -> None:
    [ticket] = hold()
    ReviewQueue.objects.filter(pk=ticket.queue_id).update(name="Secret desk", is_restricted=True)
    for role in ("reviewer", "admin", "operator"):
        page = _open(make_member(role, role))
        assert "Secret desk" not in page
        assert f"ticket/{ticket.pk}/" not in page
    assert "Secret desk" in _open(give_role(make_member("rita", "viewer"), ticket.queue, "lead"))


def test_runs_of_other_projects_are_not_shown() -> None:
    run = play_letter(writer=fail).run
    Run.objects.filter(pk=run.pk).update(status="failed", finished_at=F("created_at"))
    person = make_member("otto", "operator")
    assert str(run.pk) in _open(person)
    Membership.objects.filter(group__user=person).delete()
    assert str(run.pk) not in _open(person)


def test_a_reviewer_finds_each_ticket_once_theirs_then_nearly_late_then_next() -> None:
    person = make_member("rita", "reviewer")
    (mine,), (late,), (free,) = hold(), hold(), hold()
    claim_ticket(mine.pk, person)
    _put_back(late, minutes=10)

    client = Client()
    client.force_login(person)
    piles = client.get(HOME).context["reviews"]

    assert [(pile.title, [row.ticket.pk for row in pile.rows]) for pile in piles] == [
        ("Yours", [mine.pk]),
        ("About to be late", [late.pk]),
        ("Due next", [free.pk]),
    ]
    assert [pile.number for pile in piles] == ["1", "1", "2"]


def _put_back(ticket: Ticket, minutes: float) -> None:
    """Let a ticket be older: the guard keeps clocks as they are, so it is told that this is a copy of other rows."""
    past = {
        name: F(name) - timedelta(minutes=minutes) for name in ("opened_at", "first_touch_due_at", "due_at")
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Ticket.objects.filter(pk=ticket.pk).update(**past)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def test_empty_parts_say_what_to_do() -> None:
    page = _open(User.objects.create_superuser("root"))
    assert "No run was started yet" in page
    assert "None is present" in page
    assert "manage.py maintain" in page
    hold()
    page = _open(User.objects.get(username="root"))
    assert "You hold no ticket. Claim the next one" in page
    assert "No run failed within 24 hours" in page


def test_the_number_of_statements_is_the_same_however_much_there_is() -> None:
    person = User.objects.create_superuser("root")

    def count() -> int:
        client = Client()
        client.force_login(person)
        client.get(HOME)
        with CaptureQueriesContext(connection) as statements:
            client.get(HOME)
        return len(statements)

    _make_much(1)
    few = count()
    _make_much(7)
    assert count() == few


def _make_much(times: int) -> None:
    makers: list[Callable[[], object]] = [hold, lambda: play_letter(writer=fail)]
    for _ in range(times):
        for make in makers:
            make()
