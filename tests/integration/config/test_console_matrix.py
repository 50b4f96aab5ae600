"""Who is answered what by each address of the console: every one stands in the table, or this fails.

The lines come from the URL resolver, the columns from `HEAD`, those behind the gap from `WHILE_RESTRICTED`. Roles are
at the ticket's queue; `elsewhere` leads another queue of its project, `stranger` is an admin of another project,
`in_...` have a role in the ticket's, an `outsider` has none anywhere. Read next: `tests/integration/api/test_matrix.py`
and `test_desk_matrix.py`, the same for the API with its streams.
"""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from escalation.audit import record
from escalation.domain.acts import Act
from escalation.domain.desk_rights import DeskRole
from escalation.models import (
    AuditLine,
    Breach,
    Calendar,
    Preference,
    ReviewerProfile,
    ReviewQueue,
    RoutingRule,
)
from orchestration import memory
from orchestration.models import Actor, Delivery, Message, Project, Topic, WorkerProcess
from tests.integration.api.people import make_key
from tests.integration.config.console_table import TABLE
from tests.integration.escalation.desk import hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db

ROLES = tuple(role.value for role in DeskRole)
HEAD = (
    "anonymous",
    "outsider",
    *ROLES,
    "elsewhere",
    "stranger",
    "in_viewer",
    "in_reviewer",
    "in_admin",
    "root",
)
ELSEWHERE = ("anonymous", "outsider", "reviewer", "in_viewer", "in_admin", "root")
# Rows are hardly ever made or deleted by hand, and nowhere by who only reviews.
BY_HAND = ("outsider", "queue_admin", "in_admin", "root")
WHILE_RESTRICTED = ("reviewer", "elsewhere", "in_reviewer", "in_admin", "root")
_DESK = ("escalation_", "orchestration_run_", "board", "search")
_LETTERS = {200: "o", 302: ">", 400: "?", 403: "x", 404: "-", 405: "b", 409: "c"}
_CHANGED = re.compile("escalation_(calendar|reviewqueue|routingrule|preference|reviewerprofile)_change")
_STANDARD = ("changelist", "add", "history", "delete", "change")
_BODY = "text=hello&minutes=10&reason=phone&claim_number=1&post=yes"
Line = tuple[str, str]


def _list_routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and route of each address of the console that has a name."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _list_routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and pattern.name and "(" not in route:
            yield pattern.name, route


def _list_lines() -> dict[Line, str]:
    """Return the route of each line: all that may be looked at, and what buttons and forms are sent to."""
    found: dict[Line, str] = {}
    for name, route in _list_routes(get_resolver("config.urls").url_patterns):
        if route.startswith("admin/"):
            found["GET", name] = route
            if name.rpartition("_")[2] not in _STANDARD or _CHANGED.fullmatch(name):
                found["POST", name] = route
    return found


class Desk:
    """A held ticket, a row of each table of the desk, and somebody for each column."""

    def __init__(self) -> None:
        (self.ticket,) = hold()
        self.queue = self.ticket.queue
        people = self._make_people()
        self.sessions = {name: self._sign_in(person) for name, person in people.items()}
        self.rows = self._make_rows(people["reviewer"])

    def _make_people(self) -> dict[str, User]:
        other = ReviewQueue.objects.create(project=self.queue.project, slug="vip", name="VIP")
        abroad = Project.objects.create(slug="other", name="Other")
        people = {role: give_role(_make_staff(f"at-{role}"), self.queue, role) for role in ROLES}
        people["outsider"] = _make_staff("outsider")
        people["elsewhere"] = give_role(_make_staff("elsewhere"), other, "lead")
        people["stranger"] = make_member("stranger", "admin", abroad.slug)
        people |= {f"in_{role}": make_member(f"in-{role}", role) for role in ("viewer", "reviewer", "admin")}
        people["root"] = User.objects.create_superuser("root")
        return people

    def _sign_in(self, person: User) -> str:
        client = Client()
        client.force_login(person)
        return client.cookies["sessionid"].value

    def _make_rows(self, reviewer: User) -> dict[str, object]:
        opened, run = self.ticket.opened_at, self.ticket.run
        record(Act.COMMENTED, reviewer, ticket=self.ticket)
        make_key(reviewer, "read")
        return {
            "ticket": self.ticket.pk,
            "run": run.pk,
            "workflow": run.workflow_id,
            "step": self.ticket.step_id,
            "project": run.project_id,
            "apitoken": reviewer.auth_token_set.get().pk,
            "user": reviewer.pk,
            "group": Group.objects.latest("pk").pk,
            "reviewqueue": self.queue.pk,
            "calendar": Calendar.objects.create(project=self.queue.project, name="days").pk,
            "routingrule": RoutingRule.objects.create(
                project=self.queue.project, position=1, queue=self.queue, step="draft"
            ).pk,
            "breach": Breach.objects.create(
                ticket=self.ticket, deadline="first_touch", due_at=opened, found_at=opened + timedelta(1)
            ).pk,
            "reviewerprofile": ReviewerProfile.objects.create(user=reviewer).pk,
            "preference": Preference.objects.create(user=reviewer).pk,
            "auditline": AuditLine.objects.get(act=Act.COMMENTED).pk,
            "workerprocess": WorkerProcess.objects.latest("pk").pk,
            **_make_mail(run.project_id),
            "memory": memory.remember("project", "customer/7", 1).pk,
        }

    def fill(self, route: str) -> str:
        """Put rows that there are into a route."""
        known = {
            "verb": "pause" if "/run/" in route else "restart",
            "actor_id": self.rows["actor"],
            "content_type_id": 0,
            "key": "draft",
            "part": "proposal",
            "form": "csv",
            "agent": "test.writer",
            "message": "00000000-0000-4000-8000-000000000000",
            "run_id": self.ticket.run_id,
            "ticket_id": self.ticket.pk,
            "step_id": self.ticket.step_id,
        }
        row = self.rows.get(route.split("/")[2] if route.count("/") > 2 else "", 1)
        words = {"object_id": row, "id": row, **known}
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(words[found[1]]), route)

    def ask(self, method: str, route: str, name: str) -> str:
        """Return what somebody is answered, as a letter; nothing of it stays."""
        client = Client(raise_request_exception=False)
        if name in self.sessions:
            client.cookies["sessionid"] = self.sessions[name]
        with transaction.atomic():
            answer = client.generic(
                method, self.fill(route), _BODY, content_type="application/x-www-form-urlencoded"
            )
            transaction.set_rollback(True)
        goes_to = answer.headers.get("Location", "")
        if goes_to.startswith(reverse("admin:login")):
            return "l"
        # What is not there sends back to the first page.
        return (
            "-"
            if goes_to == reverse("admin:index")
            else _LETTERS.get(answer.status_code, str(answer.status_code))
        )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no page that Django writes after its view has answered, and keep no record of a thousand refusals."""
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", property(lambda _: ""))
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)


def _make_mail(project_id: int) -> dict[str, object]:
    """Make an actor with a dead letter that was published to a topic."""
    actor = Actor.objects.create(project_id=project_id, name="support.case", key="1", made_by="code")
    topic = Topic.objects.create(project_id=project_id, name="case.updated")
    message = Message.objects.create(
        project_id=project_id, kind="topic", topic=topic, sender="code", body_json="{}", digest="", hops=0
    )
    dead = Delivery.objects.create(message=message, actor=actor, state="dead", reason="it is stopped")
    return {"actor": actor.pk, "topic": topic.pk, "message": message.pk, "delivery": dead.pk}


def _make_staff(name: str) -> User:
    return User.objects.create_user(name, is_staff=True)


def _list_callers(line: Line) -> tuple[str, ...]:
    if line[1].endswith(("_add", "_history", "_delete")):
        return BY_HAND
    return HEAD if _is_of_desk(line) else ELSEWHERE


def _is_of_desk(line: Line) -> bool:
    """Tell whether what stands there differs from one review queue to another."""
    return line[1].startswith(_DESK) and not line[1].endswith(("_add", "_history", "_delete"))


def _read_table() -> dict[Line, str]:
    lines = (line.split() for line in TABLE.strip().splitlines())
    return {(method, name): " ".join(letters) for method, name, *letters in lines}


def test_each_address_of_the_console_answers_each_role_as_the_table_says() -> None:
    desk, lines = Desk(), _list_lines()
    found = {
        line: "".join(desk.ask(line[0], route, name) for name in _list_callers(line))
        for line, route in lines.items()
    }
    ReviewQueue.objects.filter(pk=desk.queue.pk).update(is_restricted=True)
    for line in filter(_is_of_desk, lines):
        found[line] += " " + "".join(desk.ask(line[0], lines[line], name) for name in WHILE_RESTRICTED)
    told = "\n".join(f"{method:<4} {name:<42} {row}" for (method, name), row in found.items())
    assert found == _read_table(), f"\n{told}"
