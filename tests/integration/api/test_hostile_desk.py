"""What no client of ours sends to the doors of the desk: a 4xx that names the field, never a fault of ours."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from escalation.escrow import claim_ticket, save_calendar
from escalation.models import AuditLine
from orchestration.models import Project
from tests.integration.escalation.buttons import sign_in
from tests.integration.escalation.desk import hold
from tests.people import make_member

pytestmark = pytest.mark.django_db

_QUEUE = "queues/default/default"
_HOURS: dict[str, Any] = {"time_zone": "UTC", "hours": {"mon": ["09:00-17:00"]}, "holidays": []}
_DOORS: dict[str, tuple[str, dict[str, Any]]] = {
    f"{_QUEUE}/members": ("PUT", {"members": [{"group": "g", "role": "lead"}]}),
    f"{_QUEUE}/channels": ("PUT", {"channels": [{"channel": "c", "happenings": [], "from_level": 0}]}),
    f"{_QUEUE}/levels": (
        "PUT",
        {"levels": [{"level": 1, "after_percent": 1, "repeat_minutes": 1, "groups": ["g"]}]},
    ),
    f"{_QUEUE}/breach-actions": (
        "PUT",
        {
            "breach_actions": [
                {"deadline": "resolution", "action": "reroute", "to_queue": "a/b", "to_group": "g"}
            ]
        },
    ),
    f"{_QUEUE}/snooze-reasons": (
        "PUT",
        {"snooze_reasons": [{"code": "c", "label": "l", "stops_clock": True}]},
    ),
    _QUEUE: ("PATCH", {"calendar": 1, "warn_at": [50]}),
    "reviewers/rita": ("PATCH", {"capacity": 1, "tags": ["t"], "absent_from": None, "substitute": "x"}),
    "me/profile": ("PATCH", {"absent_from": None, "absent_until": None, "substitute": "x"}),
    "me/preferences": ("PUT", {"preferences": [{"queue": None, "channels": [], "quiet_from": "22:00"}]}),
    "me/views": ("POST", {"name": "n", "filters": {"state": "mine", "queue": 1, "search": "s"}}),
    "messages/test": ("POST", {"channel": "c"}),
    "calendars": ("POST", {"project": "default", "name": "Night", **_HOURS}),
    "calendars/preview": ("POST", _HOURS),
    "calendars/{calendar}": ("PUT", _HOURS),
    "tickets/{ticket}/draft": ("PUT", {"claim_number": 1, "typed": {"f": "t"}, "note": "n"}),
    "tickets/{ticket}/alike/preview": ("POST", {"tickets": [1]}),
    f"{_QUEUE}/targets": (
        "PUT",
        {"targets": [{"sla": "vip", "first_touch_seconds": 1.0, "resolution_seconds": 2.0}]},
    ),
    f"{_QUEUE}/reason-codes": ("PUT", {"reason_codes": [{"code": "c", "label": "l", "kinds": ["edit"]}]}),
    "queues": ("POST", {"project": "default", "slug": "s", "name": "n"}),
    "routing/default": (
        "PUT",
        {
            "rules": [
                {"queue": "default", "confidence_from": 0.1, "expression": "input.x == 1", "tags": ["t"]}
            ]
        },
    ),
    "workflows/letter/threshold": ("POST", {"project": "default", "step": "draft", "confidence": 0.5}),
    "tickets/{ticket}/assign": ("POST", {"to": "rita", "note": "n"}),
    "tickets/{ticket}/comments": ("POST", {"text": "@rita"}),
    "tickets/{ticket}/pause": ("POST", {"reason": "r", "resume_at": "2030-01-01T00:00:00Z"}),
    "tickets/{ticket}/snooze": (
        "POST",
        {"until": "2030-01-01T00:00:00Z", "reason": "r", "reason_code": "c", "claim_number": 1},
    ),
    "tickets/{ticket}/renew": ("POST", {"claim_number": 1, "seen_digest": "d"}),
    "tickets/{ticket}/resolve": (
        "POST",
        {"resolution": "edit", "claim_number": 1, "seen_digest": "d", "output": 1, "scope": "part"},
    ),
    "tickets/{ticket}/alike/resolve": (
        "POST",
        {"lines": [{"ticket": 1, "claim_number": 1, "seen_digest": "d"}], "resolution": "skip"},
    ),
}
_ODD: list[Any] = [True, 7.5, -1, 10**15, "", "x" * 100_000, [], [[[]]], {}, {"a": {"b": 1}}, None]
_ODD += ["NaN", "-Infinity", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
_BODIES = {
    "NUL": '{"name": "a\\u0000b"}',
    "half a character": '{"name": "\\ud800"}',
    "a number without end": '{"name": 1e400}',
    "a number of 400 digits": f'{{"name": {"9" * 400}}}',
    "a bomb": "[" * 5_000 + "]" * 5_000,
    "a list": "[]",
    "a word": '"words"',
    "nothing": "",
    "too much": json.dumps({"name": "x" * 1_100_000}),
}


@pytest.fixture
def place(db: None) -> dict[str, int]:
    (ticket,) = hold()
    version = save_calendar(Project.objects.get(slug="default"), "Office", **_HOURS, user=None)
    make_member("rita", "reviewer")
    return {"ticket": ticket.pk, "calendar": version.calendar_id}


@pytest.fixture
def lena(place: dict[str, int]) -> Client:
    person = make_member("lena", "admin")
    claim_ticket(place["ticket"], person)
    client = sign_in(person)
    client.raise_request_exception = False
    return client


def _send(client: Client, method: str, address: str, text: str) -> Any:
    return client.generic(method, f"/api/v1/{address}", text, content_type="application/json")


def _spoil(value: Any, odd: Any) -> list[Any]:
    """Return a body again and again, each time with another of its values spoilt."""
    if isinstance(value, dict):
        inner = [{**value, name: spoilt} for name, one in value.items() for spoilt in _spoil(one, odd)]
        return [*inner, odd]
    if isinstance(value, list) and value:
        return [[spoilt] for spoilt in _spoil(value[0], odd)] + [odd]
    return [odd]


@pytest.mark.parametrize("address", _DOORS)
def test_no_odd_value_is_a_fault_of_ours(lena: Client, place: dict[str, int], address: str) -> None:
    method, body = _DOORS[address]
    for odd in _ODD:
        for spoilt in _spoil(body, odd):
            answer = _send(lena, method, address.format(**place), json.dumps(spoilt))
            assert answer.status_code < 500, (spoilt, answer.content)
            if answer.status_code == 400:
                told = answer.json()
                assert told.get("errors") or told["code"] != "field_invalid", (spoilt, told)


@pytest.mark.parametrize("what", _BODIES)
def test_a_body_that_is_none_is_refused_at_every_door(lena: Client, place: dict[str, int], what: str) -> None:
    before = AuditLine.objects.count()
    for address, (method, _) in _DOORS.items():
        answer = _send(lena, method, address.format(**place), _BODIES[what])
        may_be_none = what == "nothing" and method in {"PATCH", "POST"}
        assert 400 <= answer.status_code < 500 or may_be_none, (address, answer.content)
    if what != "nothing":
        assert AuditLine.objects.count() == before


@pytest.mark.parametrize(
    "address",
    [
        "reviewers/a%00b",
        f"reviewers/{'x' * 2_000}",
        "reviewers/%ff",
        f"calendars/{10**30}",
        f"calendars/{10**30}/versions",
        f"tickets/{10**30}/outlook",
        f"tickets/{10**30}/draft",
        "queues/a%00b/c/members",
        "tickets?search=a%00b",
        f"tickets?search={'x' * 201}",
        "tickets?tag=%00",
        "tickets?state=%F0%9F%92%A3",
        "messages?channel=%00",
        "breaches?since=yesterday",
        "breaches?cursor=W10",
        "me/views?cursor=WyJhXHUwMDAwIiwxXQ",
        "calendars?cursor=WyJkZWZhdWx0IiwxLDJd",
        "reviewers?page_size=1e9",
    ],
)
def test_no_odd_address_is_a_fault_of_ours(lena: Client, place: dict[str, int], address: str) -> None:
    answer = lena.get(f"/api/v1/{address}")

    assert 400 <= answer.status_code < 500, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nobody_deletes_what_is_not_theirs(lena: Client, place: dict[str, int]) -> None:
    for address in (f"me/views/{10**30}", "reviewers/nobody", "reviewers/a%00b"):
        answer = lena.delete(f"/api/v1/{address}")
        assert answer.status_code in {400, 404}, (address, answer.content)
    assert User.objects.filter(username="rita").exists()
