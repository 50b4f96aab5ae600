"""What people call things is text on every page of the console, never markup: names, labels, reasons, tags, views."""

from html.parser import HTMLParser
from typing import Any, Final

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from escalation.escrow import claim_ticket, comment_on, pause_ticket
from escalation.models import (
    AgentHour,
    Alarm,
    BreachAction,
    BreachDeed,
    Calendar,
    Delivery,
    EscalationLevel,
    QueueChannel,
    ReasonCode,
    ReviewerProfile,
    ReviewQueue,
    RoutingRule,
    SavedView,
    SlaTarget,
    SnoozeReason,
    Ticket,
    read_clock,
)
from orchestration.models import Project
from tests.integration.config.test_console_matrix import Desk, _list_lines

pytestmark = pytest.mark.django_db

_TAG: Final = "xss-mark"
_NAME: Final = f"\"'><{_TAG} onerror=x>{{{{7}}}}"
_PAGES: Final = ("escalation_", "board", "index", "search", "orchestration_run_")
_FEWEST_PAGES: Final = 20


class _Page(HTMLParser):
    """Collects what would run, and whether the name stands there as text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.said = ""
        self._is_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._is_script = tag == "script" and "src" not in given and "json" not in (given.get("type") or "")
        self.bad += [tag] * (tag == _TAG or (tag == "script" and self._is_script))
        self.bad += [f"{tag} {name}" for name, value in attrs if _runs(name, value or "")]
        self.said += "".join(value or "" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.said += data


def _runs(name: str, value: str) -> bool:
    """Tell whether an attribute is a script; what the console's own scripts evaluate may hold no name."""
    is_evaluated = name.startswith(("x-", "@", ":")) and _TAG in value
    return is_evaluated or name.startswith("on") or value.strip().lower().startswith("javascript:")


def _call_all_by_the_name(desk: Desk) -> None:
    queue, ticket, now = desk.queue, desk.ticket, read_clock()
    root = User.objects.get(username="root")
    ReviewQueue.objects.update(name=_NAME)
    Project.objects.update(name=_NAME)
    Group.objects.filter(pk=str(desk.rows["group"])).update(name=_NAME)
    Calendar.objects.update(name=_NAME)
    RoutingRule.objects.update(name=_NAME, tags=[_NAME[:40]])
    ReviewerProfile.objects.update(tags=[_NAME[:40]])
    ReviewerProfile.objects.create(user=root, tags=[_NAME[:40]])
    User.objects.filter(username="at-reviewer").update(username=_NAME, first_name=_NAME, last_name=_NAME)
    kinds = ["approve", "edit", "send_back", "skip", "abort"]
    ReasonCode.objects.create(queue=queue, code="c", label=_NAME, kinds=kinds)
    SnoozeReason.objects.create(queue=queue, code="c", label=_NAME)
    SlaTarget.objects.create(queue=queue, sla=_NAME, first_touch_seconds=1, resolution_seconds=2)
    QueueChannel.objects.create(queue=queue, channel=_NAME)
    level = EscalationLevel.objects.create(queue=queue, level=1, after_percent=50)
    level.groups.add(Group.objects.get(name=_NAME))
    BreachAction.objects.create(
        queue=queue, deadline="resolution", step="widen", to_group=Group.objects.get(name=_NAME)
    )
    SavedView.objects.create(person=root, name=_NAME, query=f"tag={_TAG}")
    Delivery.objects.create(channel=_NAME, person=root, due_at=now, last_error=_NAME)
    AgentHour.objects.create(hour=now, project=queue.project, agent=_NAME, attempts=1)
    claim_ticket(ticket.pk, root)
    comment_on(ticket.pk, root, _NAME)
    pause_ticket(ticket.pk, root, _NAME)
    Alarm.objects.create(ticket=ticket, level=1, kind="due", told=_NAME, reached_at=now, found_at=now)
    BreachDeed.objects.create(ticket=ticket, deadline="resolution", step="tell", outcome=_NAME)
    said: dict[str, Any] = {
        "title": _NAME,
        "tags": [_NAME[:40]],
        "desk_note": _NAME,
        "routed_by": _NAME,
        "sla": _NAME[:60],
    }
    with connection.cursor() as cursor:
        # The guard of tickets lets none of these change once a ticket is open.
        cursor.execute("SET session_replication_role = replica")
        Ticket.objects.filter(pk=ticket.pk).update(**said)
        cursor.execute("SET session_replication_role = DEFAULT")


def test_no_name_is_markup_on_any_page_of_the_console() -> None:
    desk = Desk()
    _call_all_by_the_name(desk)
    root = Client(raise_request_exception=False)
    root.cookies["sessionid"] = desk.sessions["root"]
    found: dict[str, list[str]] = {}
    shown: set[str] = set()
    for method, name in sorted(_list_lines()):
        if method != "GET" or not name.startswith(_PAGES):
            continue
        answer = root.get(desk.fill(_list_lines()[method, name]))
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("text/html"):
            assert answer.status_code < 500, name
            continue
        page = _Page(answer.content.decode())
        found |= {name: page.bad} if page.bad else {}
        shown |= {name} if _NAME[:20] in page.said else set()
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src" in policy, name
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0], name

    assert found == {}
    assert len(shown) >= _FEWEST_PAGES, sorted(shown)
