"""Every list of the desk, in the console and in the API, takes as many statements with twelve rows as with three.

The lists come from the URL resolver and the console's registry: a new one is asked as soon as it is there. Each row
has a queue, a project's person and a run of its own, so that whatever is asked per row is asked more often.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.escrow import claim_ticket, save_calendar
from escalation.models import (
    Breach,
    BreachAction,
    Calendar,
    Comment,
    Delivery,
    EscalationLevel,
    Notice,
    Preference,
    QueueChannel,
    ReasonCode,
    ReviewerProfile,
    ReviewQueue,
    RoutingRule,
    SavedView,
    SlaTarget,
    SnoozeReason,
    Ticket,
)
from orchestration.models import Project
from tests.codes import give_device
from tests.integration.api.people import Caller, make_key
from tests.integration.api.table import list_endpoints
from tests.integration.escalation.desk import hold
from tests.people import give_role

pytestmark = pytest.mark.django_db
FEW, MANY = 3, 12
Asks = dict[str, Callable[[], Any]]
_OURS = ("escalation.", "config.")
# One thing each, whatever there is; its own tests ask how much that takes.
_NO_LISTS = frozenset(
    {
        "agents/{agent}/calibration",
        "me/profile",
        "queues/{project}/{queue}",
        "calendars/{calendar_id}",
        "reviewers/{username}",
        "tickets/counts",
        "tickets/{ticket_id}",
        "tickets/{ticket_id}/clock",
        "tickets/{ticket_id}/draft",
        "tickets/{ticket_id}/outlook",
        "tickets/stream",
        "queues/board",
    }
)


class Desk:
    """Rows of everything that is listed; each call of `grow` adds one more of each."""

    def __init__(self) -> None:
        self.root = User.objects.create_superuser("root")
        self.key = make_key(self.root, "read", "run", "review", "admin")
        self.count = 0
        (self.ticket,) = hold()
        self.queue, self.project = self.ticket.queue, self.ticket.queue.project
        for role in ("queue_admin", "reviewer", "auditor"):
            give_role(self.root, self.queue, role)
        self.calendar = save_calendar(
            self.project, "first", "UTC", {"mon": ["09:00-17:00"]}, [], user=None
        ).calendar

    def grow(self, until: int) -> None:
        """Add rows until there are so many of each kind, or a few more."""
        while self.count < until:
            self.count += 1
            self._add(f"n{self.count}", self.count)

    def _add(self, name: str, number: int) -> None:
        project = Project.objects.create(slug=name, name=name.title())
        queue = ReviewQueue.objects.create(project=project, slug=name, name=name.title())
        person = give_role(User.objects.create_user(name), queue, "reviewer")
        give_role(self.root, queue, "reviewer")
        give_device(person)
        (ticket,) = hold()
        Ticket.objects.filter(pk=ticket.pk).update(queue=queue)
        claim_ticket(hold()[0].pk, self.root)
        self._add_history(ticket, queue, person)
        ReviewerProfile.objects.create(user=person, substitute=self.root, tags=[name])
        Preference.objects.create(user=self.root, queue=queue)
        SavedView.objects.create(person=self.root, name=name, query="")
        Calendar.objects.create(project=project, name=name)
        save_calendar(self.project, "first", "UTC", {"mon": [f"09:00-17:{number:02}"]}, [], user=self.root)
        RoutingRule.objects.create(project=self.project, position=number, queue=self.queue, name=name)
        self._add_parts(name, number, queue)

    def _add_history(self, ticket: Ticket, queue: ReviewQueue, person: User) -> None:
        now = timezone.now()
        ticket.refresh_from_db()
        Breach.objects.create(
            ticket=ticket, deadline="first_touch", due_at=now - timedelta(hours=1), found_at=now
        )
        Comment.objects.create(ticket=self.ticket, author=person, author_name=person.username, text="hm")
        record(Act.COMMENTED, person, ticket=ticket)
        notice = Notice.objects.create(key=queue.slug, happening="breached", queue=queue, ticket=ticket)
        Delivery.objects.create(channel=queue.slug, person=person, due_at=now).notices.add(notice)

    def _add_parts(self, name: str, number: int, queue: ReviewQueue) -> None:
        group = Group.objects.create(name=name)
        self.queue.roles.create(group=group, role="viewer")
        QueueChannel.objects.create(queue=self.queue, channel=name)
        SlaTarget.objects.create(queue=self.queue, sla=name, first_touch_seconds=1, resolution_seconds=2)
        ReasonCode.objects.create(queue=self.queue, code=name, label=name, kinds=["skip"])
        SnoozeReason.objects.create(queue=self.queue, code=name, label=name)
        if number <= FEW:
            level = EscalationLevel.objects.create(queue=self.queue, level=number, after_percent=number)
            level.groups.set([group])
        deadline = "first_touch" if number % 2 else "resolution"
        BreachAction.objects.update_or_create(
            queue=self.queue, deadline=deadline, step="reroute", defaults={"to_queue": queue}
        )

    def fill(self, route: str) -> str:
        """Put rows that there are into an address."""
        values = {
            "project": self.project.slug,
            "queue": self.queue.slug,
            "calendar_id": self.calendar.pk,
            "ticket_id": self.ticket.pk,
        }
        return "/api/v1/" + route.format(**values)


def _list_addresses() -> Iterator[str]:
    """Yield every address of the API that lists something of the desk."""
    for method, route, view in list_endpoints():
        if method == "GET" and view.__module__.startswith(_OURS) and route not in _NO_LISTS:
            yield route


def _list_pages() -> Iterator[str]:
    """Yield every list of the desk in the console."""
    assert reverse("admin:index"), "the console is loaded with its addresses"
    for model in admin.site._registry:
        if model._meta.app_label == "escalation":
            yield f"admin:escalation_{model._meta.model_name}_changelist"


def _count(ask: Callable[[], Any]) -> tuple[int, list[str]]:
    """Return how long the answer is, and which statements it took."""
    with CaptureQueriesContext(connection) as asked:
        answer = ask()
    assert answer.status_code == 200, answer.content
    return len(answer.content), [query["sql"] for query in asked.captured_queries]


def _measure(asks: Asks) -> dict[str, tuple[int, list[str]]]:
    for ask in asks.values():
        ask()  # what is asked once in a process
    return {name: _count(ask) for name, ask in asks.items()}


def _compare(desk: Desk, asks: Asks, still: frozenset[str] = frozenset()) -> None:
    desk.grow(FEW)
    few = _measure(asks)
    desk.grow(MANY)
    many = _measure(asks)
    assert {name for name in asks if many[name][0] <= few[name][0]} <= still, "not every list has grown"
    grown = {
        name: (len(few[name][1]), len(many[name][1]), sorted(set(many[name][1]) - set(few[name][1]))[:5])
        for name in asks
        if len(many[name][1]) > len(few[name][1])
    }
    assert grown == {}


def test_lists_of_the_api_take_the_same_statements_however_long_they_are(settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "deciders"}
    desk = Desk()
    caller = Caller("root", desk.root, desk.key)
    asks: Asks = {route: partial(caller.get, desk.fill(route)) for route in _list_addresses()}
    # There are three levels, and each deadline is rerouted once.
    still = frozenset(f"queues/{{project}}/{{queue}}/{part}" for part in ("levels", "breach-actions"))
    _compare(desk, asks, still)


def test_lists_of_the_console_take_the_same_statements_however_long_they_are() -> None:
    desk, client = Desk(), Client()
    client.force_login(desk.root)
    pages = {name: reverse(name) for name in _list_pages()}
    pages |= {"home": reverse("admin:index"), "board": reverse("board")}
    pages |= {
        f"inbox {state}": f"{reverse('admin:escalation_ticket_changelist')}?state={state}"
        for state in ("mine", "all")
    }
    asks: Asks = {name: partial(client.get, address) for name, address in pages.items()}
    # Home shows the first few; the agents are one.
    _compare(desk, asks, frozenset({"home", "admin:escalation_agenthour_changelist"}))
