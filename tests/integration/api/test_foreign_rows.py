"""Rows of another project, of a restricted queue, or of nobody at all: no address and no body reaches them.

The lines come from the table of `test_matrix.py`, which holds every address of the URL resolver. The callers may do
everything with rows of their own; what is not theirs is not found, and names no difference from what is not there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from escalation.escrow import save_calendar
from escalation.models import Calendar, Delivery, ReviewerProfile, ReviewQueue, SavedView, Ticket
from orchestration import runs
from orchestration.models import ApiToken
from tests.integration.api.people import Caller, make_key
from tests.integration.api.scene import LETTER, Scene, known_agents, play
from tests.integration.api.test_matrix import EXPECTED, Line, _body
from tests.people import give_role

pytestmark = pytest.mark.django_db

_BY_ID = [line for line in EXPECTED if "<" in line[1]]
# What every installation has once, whoever asks; and what nobody signs in for: whoever has the address may.
_OF_ALL = frozenset(
    {
        "agents/<agent>",
        "agents/<agent>/health",
        "agents/<agent>/offers",
        "agents/<agent>/calibration",
        "callbacks/<token>",
    }
)
_FOREIGN = [line for line in _BY_ID if line[1] not in _OF_ALL]
_AT_DESK = [line for line in _BY_ID if line[1].startswith(("tickets/<", "queues/<"))]
_NOBODYS: dict[str, list[str]] = {
    "ticket_id": ["0", "987654321", str(2**31), str(2**63 - 1), str(2**63), str(10**40)],
    "step_id": ["0", str(2**63 - 1), str(2**63), str(10**40)],
    "calendar_id": ["0", str(2**31), str(2**63), str(10**40)],
    "view_id": ["0", str(2**31), str(2**63), str(10**40)],
    "message_id": ["00000000-0000-4000-8000-000000000000"],
    "run_id": ["00000000-0000-4000-8000-000000000000"],
    "token_id": ["00000000-0000-4000-8000-000000000000"],
    "queue": ["nowhere", "%F0%9F%92%A1", "x" * 300, "de%00fault"],
    "project": ["nowhere", "x" * 300, "de%00sk"],
    "username": ["nobody", "x" * 300, "nobo%00dy"],
    "workflow": ["nothing", "x" * 300],
}


@dataclass(frozen=True, slots=True)
class World:
    """Rows of another project, of a restricted queue of the callers' own, and what is in the callers' hands."""

    foreign: dict[str, str]
    closed: dict[str, str]
    own: dict[str, str]
    group: Group
    calendar: Calendar


@pytest.fixture(scope="module")
def world(scene: Scene) -> World:
    with known_agents():
        runs.publish(LETTER, project="other")
    run = play("other", 0.5)
    # A name of its own: so are groups that have a role there.
    ReviewQueue.objects.filter(project=scene.other).update(slug="abroad")
    abroad = Ticket.objects.get(run=run)
    eve = give_role(User.objects.create_user("eve"), abroad.queue, "reviewer")
    ReviewerProfile.objects.create(user=eve, capacity=1)
    calendar = save_calendar(scene.other, "Theirs", "UTC", {"mon": ["09:00-17:00"]}, [], user=None).calendar
    message = Delivery.objects.create(
        channel="fax", person=eve, due_at=timezone.now(), gave_up_at=timezone.now()
    )
    make_key(eve, "read")
    foreign = {
        "project": "other",
        "queue": abroad.queue.slug,
        "run_id": str(abroad.run_id),
        "step_id": str(abroad.step_id),
        "ticket_id": str(abroad.pk),
        "username": "eve",
        "calendar_id": str(calendar.pk),
        "view_id": str(SavedView.objects.create(person=eve, name="Hers", query="").pk),
        "message_id": str(message.pk),
        "token_id": str(ApiToken.objects.get(user=eve).public_id),
        "workflow": "letter",
        "version": "1",
        "agent": "test.writer",
    }
    shut = ReviewQueue.objects.create(project=scene.project, slug="shut", name="Shut", is_restricted=True)
    hidden = Ticket.objects.get(run=play("desk", 0.5))
    Ticket.objects.filter(pk=hidden.pk).update(queue=shut)
    closed = {"project": "desk", "queue": "shut", "ticket_id": str(hidden.pk)}
    own = {"project": "desk", "queue": scene.ticket.queue.slug, "ticket_id": str(scene.ticket.pk)}
    own["calendar_id"] = str(scene.calendar.pk)
    return World(foreign, closed, own, Group.objects.create(name="strangers"), calendar)


@pytest.fixture(scope="module")
def mighty(callers: dict[str, Caller], scene: Scene) -> list[Caller]:
    """Whoever may do everything in the project, by every way: a session, a token, and roles at each of its queues."""
    admin = callers["admin"].user
    assert admin is not None
    token = Caller("token", admin, make_key(admin, "read", "run", "review", "admin"))
    several = User.objects.create_user("several")
    for role in ("reviewer", "lead", "queue_admin", "auditor"):
        give_role(several, scene.ticket.queue, role)
    return [callers["admin"], token, Caller("several", several)]


def _fill(route: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        route = route.replace(f"<{name}>", value)
    query = "?project=other" if values.get("project") == "other" and "/versions" in route else ""
    return f"/api/v1/{route}{query}"


def _ask(line: Line, values: dict[str, str], scene: Scene, caller: Caller) -> tuple[int, Any]:
    """Return what is answered; nothing of it stays."""
    method, route = line
    body = _body(route, scene, caller)
    if route == "workflows/<workflow>/threshold":
        body = {**body, "project": values["project"]}
    with transaction.atomic():
        answer = caller.call(method, _fill(route, values), body)
        transaction.set_rollback(True)
    return answer.status_code, answer.json() if answer.content else None


@pytest.mark.parametrize("line", _FOREIGN, ids=" ".join)
def test_rows_of_another_project_are_not_found(
    line: Line, world: World, mighty: list[Caller], scene: Scene
) -> None:
    for caller in mighty:
        status, told = _ask(line, world.foreign, scene, caller)
        assert (status, told["code"].endswith("not_found")) == (404, True), (caller.name, told)


@pytest.mark.parametrize("line", _AT_DESK, ids=" ".join)
def test_what_a_restricted_queue_has_is_not_found_by_who_has_no_role_there(
    line: Line, world: World, mighty: list[Caller], scene: Scene, callers: dict[str, Caller]
) -> None:
    for caller in (*mighty, callers["reviewer"], callers["operator"]):
        if line[0] != "GET" and caller.name == "operator":
            continue
        status, told = _ask(line, world.closed, scene, caller)
        assert (status, told["code"].endswith("not_found")) == (404, True), (caller.name, told)


@pytest.mark.parametrize("line", [line for line in _AT_DESK if "<ticket_id>" in line[1]], ids=" ".join)
def test_superusers_find_no_ticket_of_a_restricted_queue(line: Line, world: World, scene: Scene) -> None:
    root = Caller("root", User.objects.create_superuser("root"))
    status, told = _ask(line, world.closed, scene, root)
    assert (status, told["code"]) == (404, "ticket_not_found")


@pytest.mark.parametrize("line", _FOREIGN, ids=" ".join)
def test_what_there_is_not_is_not_found_however_it_is_named(
    line: Line, world: World, mighty: list[Caller], scene: Scene
) -> None:
    names = [name for name in _NOBODYS if f"<{name}>" in line[1]]
    known = {**world.foreign, **world.own}
    for name in names:
        for nobodys in _NOBODYS[name]:
            status, told = _ask(line, {**known, name: nobodys}, scene, mighty[0])
            # A NUL stands in no address.
            assert status == 404 or (status == 400 and "%00" in nobodys), (name, nobodys, status, told)


def _list_bodies(world: World) -> Iterator[tuple[str, str, Any, str]]:
    """Yield method, address, a body with something foreign in it, and the field at fault."""
    queue = f"queues/desk/{world.own['queue']}"
    hours = {"time_zone": "UTC", "hours": {"mon": ["09:00-17:00"]}}
    ticket = f"tickets/{world.own['ticket_id']}"
    level = {"level": 1, "after_percent": 100, "groups": ["strangers"]}
    widen = {"deadline": "resolution", "action": "widen", "to_group": "strangers"}
    for shut in ("other/abroad", "desk/shut"):
        reroute = {"deadline": "resolution", "action": "reroute", "to_queue": shut}
        yield "PUT", f"{queue}/breach-actions", {"breach_actions": [reroute]}, "breach_actions.0.to_queue"
        line = {"queue": shut, "time_zone": "UTC"}
        yield "PUT", "me/preferences", {"preferences": [line]}, "preferences.0.queue"
    yield "PUT", f"{queue}/breach-actions", {"breach_actions": [widen]}, "breach_actions.0.to_group"
    member = {"group": "strangers", "role": "reviewer"}
    yield "PUT", f"{queue}/members", {"members": [member]}, "members.0.group"
    yield "PUT", f"{queue}/levels", {"levels": [level]}, "levels.0.groups.0"
    yield "PATCH", queue, {"calendar": world.calendar.pk}, "calendar"
    yield "PATCH", queue, {"project": "other"}, "project"
    yield "PATCH", queue, {"slug": "moved"}, "slug"
    yield "PUT", f"calendars/{world.own['calendar_id']}", {**hours, "project": "other"}, "project"
    yield "PATCH", "reviewers/reviewer", {"substitute": "eve"}, "substitute"
    yield "PATCH", "me/profile", {"substitute": "eve"}, "substitute"
    yield "PUT", "routing/desk", {"rules": [{"queue": "theirs"}]}, "rules.0.queue"
    yield "POST", "routing/desk/preview", {"rules": [{"queue": "theirs"}]}, "rules.0.queue"
    yield "POST", f"{ticket}/assign", {"to": "eve"}, "to"
    yield "POST", "me/views", {"name": "x", "filters": {"person": 1}}, "filters.person"
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    snooze = {"until": until, "reason": "later", "claim_number": 1, "reason_code": "theirs"}
    yield "POST", f"{ticket}/snooze", snooze, "reason_code"


def test_a_body_names_nothing_foreign(world: World, callers: dict[str, Caller], scene: Scene) -> None:
    ReviewQueue.objects.create(project=scene.other, slug="theirs", name="Theirs")
    admin = callers["admin"]
    assert admin.post(f"/api/v1/tickets/{scene.ticket.pk}/claim").status_code == 200
    for method, address, body, field in _list_bodies(world):
        answer = admin.call(method, f"/api/v1/{address}", body)
        told = answer.json()
        assert answer.status_code == 400, (method, address, body, told)
        assert [fault["field"] for fault in told["errors"]] == [field], (method, address, body, told)


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("calendars", {"name": "Night", "time_zone": "UTC", "hours": {"mon": ["09:00-17:00"]}}),
        ("queues", {"slug": "vip", "name": "VIP"}),
        ("tokens", {"name": "mine", "scopes": ["read"], "days": 1}),
        ("workflows/letter/threshold", {"step": "draft", "confidence": 0.9}),
    ],
)
def test_a_project_that_is_foreign_is_none(
    address: str, body: Any, world: World, callers: dict[str, Caller]
) -> None:
    told = [
        callers["admin"].post(f"/api/v1/{address}", {**body, "project": slug}) for slug in ("other", "none")
    ]
    assert [answer.status_code for answer in told] == [404, 404]
    assert {answer.json()["code"] for answer in told} == {"project_not_found"}
    assert told[0].json()["detail"].replace("other", "none") == told[1].json()["detail"]


def test_of_several_tickets_the_foreign_ones_are_left_out_as_if_there_were_none(
    world: World, callers: dict[str, Caller], scene: Scene
) -> None:
    admin = callers["admin"]
    numbers = [int(world.foreign["ticket_id"]), int(world.closed["ticket_id"]), 987654321]
    address = f"/api/v1/tickets/{scene.ticket.pk}/alike"
    claimed = admin.post(f"{address}/claim", {"tickets": numbers}).json()
    assert [(one["done"], one["code"], one["claimed"]) for one in claimed] == [
        (False, "ticket_not_found", None)
    ] * 3
    preview = admin.post(f"{address}/preview", {"tickets": numbers}).json()["tickets"]
    assert {(one["done"], one["code"]) for one in preview} == {(False, "ticket_not_found")}
    lines = [{"ticket": number, "claim_number": 1, "seen_digest": "0" * 64} for number in numbers]
    resolved = admin.post(f"{address}/resolve", {"resolution": "approve", "lines": lines}).json()
    assert {(one["done"], one["code"]) for one in resolved} == {(False, "ticket_not_found")}
    assert not Ticket.objects.filter(pk__in=numbers).exclude(claimed_by=None).exists()


def test_filters_find_nothing_foreign(world: World, callers: dict[str, Caller]) -> None:
    abroad, shut = world.foreign, world.closed
    for address in (
        "tickets?project=other",
        f"tickets?run={abroad['run_id']}",
        "tickets?queue=shut",
        "tickets?claimed_by=eve",
        "breaches?project=other",
        "breaches?queue=shut",
        "audit?project=other",
        "audit?queue=shut",
        f"audit?ticket={abroad['ticket_id']}",
        f"audit?ticket={shut['ticket_id']}",
        "audit?person=eve",
        "messages?channel=fax",
    ):
        assert callers["admin"].get(f"/api/v1/{address}").json()["results"] == [], address
    for query in ("project=other", "queue=shut"):
        assert callers["admin"].get(f"/api/v1/queues/board?{query}").json()["queues"] == [], query
