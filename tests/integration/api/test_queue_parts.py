"""Who works at a queue, how its team is told, what its clocks set off: changed through the API as in the console."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from escalation.models import AuditLine, Calendar, ReviewQueue
from escalation.queues import make_queue
from orchestration.models import Project
from tests.integration.escalation.buttons import sign_in
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db

_QUEUE = "queues/default/default"
_MEMBER = {"group": "night", "role": "reviewer"}
_CHANNEL = {"channel": "ops", "happenings": ["breached"], "from_level": 2}
_LEVEL = {
    "level": 1,
    "after_percent": 100,
    "repeat_minutes": 10,
    "claimed_minutes": None,
    "groups": ["night"],
}
_ACTION = {"deadline": "resolution", "action": "tell", "to_queue": None, "to_group": None}
_REROUTE = {**_ACTION, "action": "reroute", "to_queue": "default/refunds"}
_SNOOZE = {"code": "customer", "label": "Waits for the customer", "stops_clock": True}


@pytest.fixture
def queue(db: None, settings: Any) -> ReviewQueue:
    mail = {"kind": "mail", "to": ["team@example.org"]}
    settings.RINGMASTER = {**settings.RINGMASTER, "SITE_URL": "http://desk.test", "CHANNELS": {"ops": mail}}
    queue = ReviewQueue.objects.get(slug="default", project__slug="default")
    make_queue(queue.project_id, "refunds", "Refunds")
    return queue


@pytest.fixture
def lena(queue: ReviewQueue) -> Client:
    person = make_member("lena", "admin")
    person.groups.add(Group.objects.create(name="night"))
    return sign_in(person)


def _put(client: Client, part: str, lines: list[Any]) -> Any:
    body = {part.replace("-", "_"): lines}
    return client.put(f"/api/v1/{_QUEUE}/{part}", body, content_type="application/json")


def _faults(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [fault["field"] for fault in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("part", "lines", "told"),
    [
        ("members", [_MEMBER], ("roles", ["night: reviewer"])),
        ("channels", [_CHANNEL], ("channels", [_CHANNEL])),
        (
            "levels",
            [_LEVEL],
            ("levels", {"1": {name: value for name, value in _LEVEL.items() if name != "level"}}),
        ),
        (
            "breach-actions",
            [_ACTION, _REROUTE],
            (
                "actions",
                [
                    {"deadline": "resolution", "step": "reroute", "to_queue": "refunds", "to_group": None},
                    {"deadline": "resolution", "step": "tell", "to_queue": None, "to_group": None},
                ],
            ),
        ),
        (
            "snooze-reasons",
            [_SNOOZE],
            ("snooze_reasons", {"customer": {"label": "Waits for the customer", "stops_clock": True}}),
        ),
    ],
)
def test_a_list_is_changed_as_a_whole_and_told(
    lena: Client, part: str, lines: list[Any], told: tuple[str, Any]
) -> None:
    name = part.replace("-", "_")

    changed = _put(lena, part, lines)

    assert changed.status_code == 200, changed.content
    by_key = sorted(changed.json()[name], key=json.dumps)
    assert by_key == sorted(lines, key=json.dumps)
    assert lena.get(f"/api/v1/{_QUEUE}/{part}").json() == changed.json()
    line = AuditLine.objects.get(act="changed")
    assert json.loads(line.data_json)["after"] == {told[0]: told[1]}
    assert _put(lena, part, []).json()[name] == []
    assert json.loads(AuditLine.objects.latest("pk").data_json)["before"] == {told[0]: told[1]}


@pytest.mark.parametrize(
    ("part", "lines", "field"),
    [
        ("members", [{**_MEMBER, "group": "strangers"}], "members.0.group"),
        ("members", [_MEMBER, {**_MEMBER, "role": "king"}], "members.1.role"),
        ("members", [_MEMBER, _MEMBER], "members.1.group"),
        ("channels", [{**_CHANNEL, "channel": "nowhere"}], "channels.0.channel"),
        ("channels", [{**_CHANNEL, "happenings": ["test"]}], "channels.0.happenings.0"),
        ("channels", [{**_CHANNEL, "from_level": True}], "channels.0.from_level"),
        ("levels", [_LEVEL, _LEVEL], "levels.1.level"),
        ("levels", [{**_LEVEL, "groups": ["night", "strangers"]}], "levels.0.groups.1"),
        ("levels", [{**_LEVEL, "groups": []}], "levels.0.groups"),
        ("levels", [{**_LEVEL, "repeat_minutes": 0}], "levels.0.repeat_minutes"),
        ("breach-actions", [{**_REROUTE, "to_queue": "default/nowhere"}], "breach_actions.0.to_queue"),
        ("breach-actions", [{**_REROUTE, "to_queue": "other/theirs"}], "breach_actions.0.to_queue"),
        ("breach-actions", [{**_ACTION, "action": "widen"}], "breach_actions.0.to_group"),
        ("breach-actions", [{**_ACTION, "action": "approve"}], "breach_actions.0.action"),
        (
            "breach-actions",
            [{**_ACTION, "action": "abort"}, {**_ACTION, "action": "default"}],
            "breach_actions.1.action",
        ),
        ("snooze-reasons", [{**_SNOOZE, "stops_clock": "yes"}], "snooze_reasons.0.stops_clock"),
        ("snooze-reasons", [_SNOOZE, _SNOOZE], "snooze_reasons.1.code"),
    ],
)
def test_a_line_at_fault_is_named_and_nothing_is_changed(
    queue: ReviewQueue, lena: Client, part: str, lines: list[Any], field: str
) -> None:
    Group.objects.create(name="strangers")
    other = Project.objects.create(slug="other", name="Other")
    make_queue(other.pk, "theirs", "Theirs")
    before = AuditLine.objects.count()

    assert _faults(_put(lena, part, lines)) == [field]

    kept = (queue.roles, queue.channels, queue.levels, queue.breach_actions, queue.snooze_reasons)
    assert [rows.count() for rows in kept] == [0] * 5
    assert AuditLine.objects.count() == before


def test_a_queues_calendar_is_one_that_the_caller_knows(queue: ReviewQueue, lena: Client) -> None:
    other = Project.objects.create(slug="other", name="Other")
    theirs = Calendar.objects.create(project=other, name="Theirs")
    ours = Calendar.objects.create(project_id=queue.project_id, name="Ours")

    def change(**body: Any) -> Any:
        return lena.patch(f"/api/v1/{_QUEUE}", body, content_type="application/json")

    assert _faults(change(calendar=theirs.pk)) == _faults(change(calendar=10**9)) == ["calendar"]
    assert _faults(change(warn_at=[50, 101])) == ["warn_at.1"]
    changed = change(calendar=ours.pk, warn_at=[80], is_restricted=True)
    assert changed.status_code == 200, changed.content
    asked = {name: changed.json()[name] for name in ("calendar", "warn_at", "is_restricted")}
    assert asked == {"calendar": ours.pk, "warn_at": [80], "is_restricted": True}
    queue.refresh_from_db()
    assert queue.calendar == ours


def test_pages_of_queues_follow_each_other(queue: ReviewQueue, lena: Client) -> None:
    first = lena.get("/api/v1/queues?page_size=1").json()
    second = lena.get(f"/api/v1/queues?page_size=1&cursor={first['next_cursor']}").json()

    slugs = [page["results"][0]["slug"] for page in (first, second)]
    assert (slugs, second["next_cursor"]) == (["default", "refunds"], None)
    for cursor in ("WyJhIl0", "WzEsMiwzXQ", "W251bGwsbnVsbCxudWxsXQ"):
        assert lena.get(f"/api/v1/queues?cursor={cursor}").status_code == 400


def test_whoever_works_there_sees_by_which_rules(queue: ReviewQueue, lena: Client) -> None:
    _put(lena, "members", [_MEMBER])
    rita = sign_in(give_role(make_member("rita", "viewer"), queue, "reviewer"))
    for part in ("members", "channels", "levels", "breach-actions", "snooze-reasons"):
        assert rita.get(f"/api/v1/{_QUEUE}/{part}").status_code == 200
        assert _put(rita, part, []).status_code == 403


def test_a_superuser_gives_roles_at_a_restricted_queue_and_still_sees_no_ticket_of_it(
    queue: ReviewQueue, lena: Client
) -> None:
    ReviewQueue.objects.filter(pk=queue.pk).update(is_restricted=True)
    boss = sign_in(User.objects.create_superuser("boss"))

    assert [row["slug"] for row in boss.get("/api/v1/queues").json()["results"]] == ["default", "refunds"]
    assert boss.get(f"/api/v1/{_QUEUE}").json()["is_restricted"] is True
    for part in (
        "members",
        "channels",
        "levels",
        "breach-actions",
        "snooze-reasons",
        "targets",
        "reason-codes",
    ):
        assert boss.get(f"/api/v1/{_QUEUE}/{part}").status_code == 200, part
    assert _put(boss, "members", [_MEMBER]).json() == {"members": [_MEMBER]}
    assert AuditLine.objects.get(act="changed").actor_name == "boss"
    assert boss.get("/api/v1/tickets?queue=default").json()["results"] == []
    # Whoever is only an admin of its project finds nothing; as soon as their group has a role, what that opens.
    assert [row["slug"] for row in lena.get("/api/v1/queues").json()["results"]] == ["default", "refunds"]
    _put(boss, "members", [])
    assert [row["slug"] for row in lena.get("/api/v1/queues").json()["results"]] == ["refunds"]
    for method in ("get", "put"):
        answer = getattr(lena, method)(f"/api/v1/{_QUEUE}/members", {}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "queue_not_found")
