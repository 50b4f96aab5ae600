"""The inbox: one list over all one's queues, in pages that go on from a place, in views that combine."""

import re
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from escalation.escrow import claim_ticket
from escalation.models import Presence, QueueRole, ReviewQueue, SavedView, Ticket, read_clock
from escalation.selectors import inbox
from orchestration import StepSpec, WorkflowSpec
from orchestration.models import Project
from tests.integration.escalation.buttons import LIST, sign_in, text_of
from tests.integration.escalation.desk import LETTER, TWINS, expire_claim, hold
from tests.people import make_member

pytestmark = pytest.mark.django_db


def _show(person: User, query: str = "") -> Any:
    return sign_in(person).get(f"{reverse(LIST)}?{query}")


def _numbers(answer: Any) -> list[int]:
    return [int(number) for number in re.findall(r'data-ticket="(\d+)"', text_of(answer))]


def _put_back(number: int, minutes: float, **columns: Any) -> None:
    """Let a ticket be older: the guard keeps clocks as they are, so it is told that this is a copy of other rows."""
    past = {
        name: F(name) - timedelta(minutes=minutes) for name in ("opened_at", "first_touch_due_at", "due_at")
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Ticket.objects.filter(pk=number).update(**{**past, **columns})
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def _foreign() -> Ticket:
    """A ticket of a project that nobody here is a member of."""
    project = Project.objects.create(slug="other", name="Other")
    queue = ReviewQueue.objects.create(project=project, slug="default", name="Foreign queue")
    (ticket,) = hold()
    Ticket.objects.filter(pk=ticket.pk).update(queue=queue)
    ticket.refresh_from_db()
    return ticket


def test_pages_go_on_from_a_place_and_leave_nothing_out(anna: User) -> None:
    numbers = [hold()[0].pk for _ in range(5)]
    # Due at the same moment: their numbers tell them apart.
    same = Ticket.objects.get(pk=numbers[1]).due_at
    for number in numbers[1:4]:
        _put_back(number, 0, due_at=same)
    with patch.object(inbox, "PAGE_ROWS", 2):
        first = _show(anna)
        second = _show(anna, first.context["cl"].next_address)
        claim_ticket(numbers[0], anna)
        third = _show(anna, second.context["cl"].next_address)

    assert [_numbers(page) for page in (first, second, third)] == [numbers[:2], numbers[2:4], numbers[4:]]
    assert third.context["cl"].next_address == ""
    assert "From the beginning" in text_of(third)


@pytest.mark.parametrize("state", ["resolved", "withdrawn", "all"])
def test_closed_views_go_on_too_from_the_newest_on(anna: User, state: str) -> None:
    for _ in range(3):
        (ticket,) = hold()
        now = read_clock()
        values: dict[str, Any] = {"status": "withdrawn", "withdrawn_at": now}
        if state == "resolved":
            values = {"status": state, "resolution": "skip", "resolved_by": anna, "resolved_at": now}
        Ticket.objects.filter(pk=ticket.pk).update(**values)
    with patch.object(inbox, "PAGE_ROWS", 2):
        first = _show(anna, f"state={state}")
        second = _show(anna, first.context["cl"].next_address)

    shown = _numbers(first) + _numbers(second)
    numbers = list(Ticket.objects.order_by("pk").values_list("pk", flat=True))
    assert shown == numbers[::-1]


def test_filters_combine(anna: User) -> None:
    letter, twins = hold()[0], hold(TWINS)
    Ticket.objects.filter(pk=twins[0].pk).update(tags=["refund", "german"])
    claim_ticket(twins[0].pk, anna)
    queue = letter.queue_id

    assert _numbers(_show(anna, "workflow=twins")) == [one.pk for one in twins]
    assert _numbers(_show(anna, "workflow=twins&state=mine")) == [twins[0].pk]
    assert _numbers(_show(anna, f"queue={queue}&sla=internal&tag=german")) == [twins[0].pk]
    assert _numbers(_show(anna, "agent=test.writer&sla=customer-facing")) == [letter.pk]
    assert _numbers(_show(anna, f"rule={letter.rule}&state=free")) == [letter.pk, twins[1].pk]
    assert _numbers(_show(anna, "tag=german&state=free")) == []
    assert _numbers(_show(anna, "queue=99")) == []


def test_breaching_is_what_has_little_or_no_time_left(anna: User) -> None:
    ample, short, over = (hold()[0].pk for _ in range(3))
    _put_back(short, 4)
    _put_back(over, 10)

    assert _numbers(_show(anna, "state=breaching")) == [over, short]
    assert _numbers(_show(anna)) == [over, short, ample]


def test_mine_is_what_i_hold_and_what_is_kept_for_me(anna: User, ben: User) -> None:
    held, kept, bens, lapsed, old = (hold()[0].pk for _ in range(5))
    claim_ticket(held, anna)
    claim_ticket(bens, ben)
    claim_ticket(lapsed, anna)
    expire_claim(Ticket.objects.get(pk=lapsed))
    now = read_clock()
    Ticket.objects.filter(pk=kept).update(assigned_to=anna, assigned_until=now + timedelta(minutes=1))
    Ticket.objects.filter(pk=old).update(assigned_to=anna, assigned_until=now - timedelta(minutes=1))

    page = _show(anna, "state=mine")

    assert _numbers(page) == [held, kept]
    assert page.context["counts"]["mine"] == "2"
    assert _show(ben).context["counts"] == {"open": "5", "mine": "1", "free": "3", "breaching": ""}


def test_tickets_of_queues_that_one_may_not_see_are_in_no_list_count_or_choice(
    ticket: Ticket, anna: User
) -> None:
    foreign = _foreign()

    for state in ("open", "free", "all"):
        assert foreign.pk not in _numbers(_show(anna, f"state={state}"))
    page = _show(anna, f"queue={foreign.queue_id}")
    assert _numbers(page) == []
    assert "Foreign queue" not in text_of(page)
    assert (page.context["counts"]["open"], page.context["counts"]["free"]) == ("1", "1")


def test_only_what_one_may_decide_can_be_claimed(ticket: Ticket) -> None:
    """A viewer of one queue who is a reviewer of another sees both, and a button beside the one."""
    person = make_member("eva", "viewer")
    foreign = _foreign()
    group = Group.objects.create(name="reviewers of the other")
    person.groups.add(group)
    QueueRole.objects.create(queue=foreign.queue, group=group, role="reviewer")

    page = text_of(_show(person))

    assert _numbers(_show(person)) == [ticket.pk, foreign.pk]
    assert reverse("admin:escalation_ticket_claim", args=(foreign.pk,)) in page
    assert reverse("admin:escalation_ticket_claim", args=(ticket.pk,)) not in page


def test_counts_are_bounded(anna: User) -> None:
    for _ in range(3):
        hold()
    with patch.object(inbox, "MOST_COUNTED", 2), patch("escalation.admin.inbox.page.MOST_COUNTED", 2):
        assert _show(anna).context["counts"]["open"] == "1+"


@pytest.mark.parametrize("query", ["", "state=mine", "q=lamp", "state=all&q=lamp&tag=x&agent=a&rule=b"])
def test_more_tickets_take_no_more_statements_and_no_payload(anna: User, query: str) -> None:
    browser = sign_in(anna)
    claim_ticket(hold()[0].pk, anna)
    browser.get(f"{reverse(LIST)}?{query}")
    with CaptureQueriesContext(connection) as few:
        browser.get(f"{reverse(LIST)}?{query}")
    for _ in range(3):
        claim_ticket(hold()[0].pk, anna)
    with CaptureQueriesContext(connection) as more:
        browser.get(f"{reverse(LIST)}?{query}")

    assert len(more) == len(few)
    assert not any('."seen_json"' in one["sql"] or '."draft_json"' in one["sql"] for one in more)


def test_what_takes_too_long_says_how_to_narrow_it(ticket: Ticket, anna: User) -> None:
    slow = Ticket.objects.annotate(wait=F("pk")).extra(where=["pg_sleep(5) IS NOT NULL"])
    with (
        patch("escalation.admin.inbox.page._LONGEST_SECONDS", 0.05),
        patch.object(inbox, "find_inbox", lambda *_: slow),
    ):
        page = _show(anna, "tag=x")
    assert page.status_code == 200
    assert "That took too long" in text_of(page)


def test_an_own_view_is_kept_by_name_for_oneself(anna: User, ben: User) -> None:
    browser, keep = sign_in(anna), reverse("admin:escalation_ticket_keep_view")
    answer = browser.post(keep, {"name": " Refunds  now ", "query": "state=free&tag=refund&after=~1&x=1"})

    assert answer.headers["Location"] == f"{reverse(LIST)}?state=free&tag=refund"
    page = text_of(browser.get(answer.headers["Location"]))
    assert "Remove the view “Refunds now”" in page
    assert re.search(r'href="\?state=free&amp;tag=refund" aria-current="page">Refunds now', page)
    assert "Refunds now" not in text_of(_show(ben))

    browser.post(keep, {"name": "Refunds now", "query": "tag=other"})
    view = SavedView.objects.get()
    assert view.query == "tag=other"
    sign_in(ben).post(reverse("admin:escalation_ticket_forget_view"), {"view": str(view.pk)})
    assert SavedView.objects.count() == 1
    browser.post(reverse("admin:escalation_ticket_forget_view"), {"view": str(view.pk)})
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 41])
def test_a_view_needs_a_name(anna: User, name: str) -> None:
    browser = sign_in(anna)
    page = browser.post(
        reverse("admin:escalation_ticket_keep_view"), {"name": name, "query": "tag=x"}, follow=True
    )
    assert "name: give the view a name of at most 40 characters." in text_of(page)
    assert not SavedView.objects.exists()


def test_a_person_keeps_so_many_views_at_most(anna: User) -> None:
    browser = sign_in(anna)
    page = None
    for number in range(21):
        page = browser.post(
            reverse("admin:escalation_ticket_keep_view"),
            {"name": f"v{number}", "query": "tag=x"},
            follow=True,
        )
    assert SavedView.objects.count() == 20
    assert "remove one before you keep another" in text_of(page)


def test_who_else_looks_stands_beside_the_ticket(ticket: Ticket, anna: User, ben: User) -> None:
    for person in (anna, ben):
        Presence.objects.create(ticket=ticket, person=person)
    assert "ben looks at it now" in text_of(_show(anna))
    Presence.objects.update(seen_at=read_clock() - timedelta(seconds=46))
    assert "now</span>" not in text_of(_show(anna))


def test_the_rows_alone_are_no_page(ticket: Ticket, anna: User) -> None:
    part = text_of(_show(anna, "part=rows"))
    assert _numbers(_show(anna, "part=rows")) == [ticket.pk]
    assert part.lstrip().startswith("<div data-fragment")
    assert "<html" not in part


def test_a_view_that_is_empty_says_what_to_do(anna: User) -> None:
    for state, words in (
        ("mine", "Claim the next one"),
        ("breaching", "less than a quarter"),
        ("free", "All are taken"),
    ):
        assert words in text_of(_show(anna, f"state={state}"))


def test_only_a_button_changes_views(anna: User) -> None:
    for name in ("keep_view", "forget_view"):
        assert sign_in(anna).get(reverse(f"admin:escalation_ticket_{name}")).status_code == 405


def test_names_of_several_projects_are_told_apart(anna: User) -> None:
    person = User.objects.create_superuser("root")
    _foreign()
    assert "Foreign queue (other)" in text_of(_show(person))


def test_the_same_step_of_another_agent_is_another_filter(anna: User) -> None:
    spec = WorkflowSpec(name="solo", steps=(StepSpec("draft", agent="human"),))
    (human,), (letter,) = hold(spec), hold(LETTER)
    assert _numbers(_show(make_member("zoe", "viewer"), "agent=human")) == [human.pk]
    assert letter.pk in _numbers(_show(anna))
