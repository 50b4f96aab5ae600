"""Review queues and routing as their admins change them through the API: faults by field, and each change told."""

import json
from typing import Any

import pytest
from django.test import Client

from escalation.models import AuditLine, ReviewQueue, RoutingRule
from escalation.queues import give_first_targets, make_queue
from tests.integration.escalation.buttons import sign_in
from tests.integration.escalation.desk import hold
from tests.people import make_member

pytestmark = pytest.mark.django_db

_TARGET = {"sla": "vip", "first_touch_seconds": 30.0, "resolution_seconds": 90.0}
_REASON = {"code": "tone", "label": "Wrong tone", "kinds": ["edit"]}


@pytest.fixture
def queue(db: None) -> ReviewQueue:
    found = ReviewQueue.objects.get(slug="default", project__slug="default")
    give_first_targets(found)
    return found


@pytest.fixture
def lena(db: None) -> Client:
    return sign_in(make_member("lena", "admin"))


def _put(client: Client, address: str, body: dict[str, Any]) -> Any:
    return client.put(f"/api/v1/{address}", body, content_type="application/json")


def _told() -> Any:
    return json.loads(AuditLine.objects.get(act="changed").data_json)


def _faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    return {fault["field"]: fault["message"] for fault in answer.json()["errors"]}


def test_a_queue_is_made_with_the_targets_of_the_settings_and_told(queue: ReviewQueue, lena: Client) -> None:
    body = {"project": "default", "slug": "refunds", "name": "Refunds"}

    made = lena.post("/api/v1/queues", body, content_type="application/json")

    assert (made.status_code, made.json()["slug"], made.json()["assignment"]) == (201, "refunds", "pull")
    assert _told()["after"]["targets"]["internal"] == [360.0, 1800.0]
    again = lena.post("/api/v1/queues", body, content_type="application/json")
    assert "slug" in _faults(again)
    assert AuditLine.objects.filter(act="changed").count() == 1


def test_targets_and_reasons_are_changed_as_a_whole_and_told(queue: ReviewQueue, lena: Client) -> None:
    address = "queues/default/default"

    changed = _put(lena, f"{address}/targets", {"targets": [_TARGET]})

    assert (changed.status_code, changed.json()) == (200, {"targets": [_TARGET]})
    assert _told()["after"] == {"targets": {"vip": [30.0, 90.0]}}
    assert set(_told()["before"]["targets"]) == {"customer-facing", "internal"}
    AuditLine.objects.filter(act="changed").exists()
    reasons = _put(lena, f"{address}/reason-codes", {"reason_codes": [_REASON]})
    assert reasons.json() == lena.get(f"/api/v1/{address}/reason-codes").json() == {"reason_codes": [_REASON]}


@pytest.mark.parametrize(
    ("part", "lines", "field"),
    [
        (
            "targets",
            [_TARGET, {**_TARGET, "sla": "x", "resolution_seconds": 1}],
            "targets.1.resolution_seconds",
        ),
        ("targets", [_TARGET, _TARGET], "targets.1.sla"),
        ("targets", [{**_TARGET, "first_touch_seconds": 0}], "targets.0.first_touch_seconds"),
        ("targets", [{**_TARGET, "speed": 1}], "targets.0.speed"),
        ("reason_codes", [{**_REASON, "kinds": ["shout"]}], "reason_codes.0.kinds.0"),
        ("reason_codes", [{**_REASON, "kinds": []}], "reason_codes.0.kinds"),
        ("reason_codes", [_REASON, _REASON], "reason_codes.1.code"),
    ],
)
def test_a_line_at_fault_is_named_and_nothing_is_changed(
    queue: ReviewQueue, lena: Client, part: str, lines: list[dict[str, Any]], field: str
) -> None:
    answer = _put(lena, f"queues/default/default/{part.replace('_', '-')}", {part: lines})

    assert list(_faults(answer)) == [field]
    assert (queue.targets.count(), queue.reason_codes.count()) == (2, 0)
    assert not AuditLine.objects.filter(act="changed").exists()


def test_rules_are_tried_then_saved_in_their_order(queue: ReviewQueue, lena: Client) -> None:
    (ticket,) = hold()
    make_queue(queue.project_id, "refunds", "Refunds")
    rules = {"rules": [{"queue": "default", "workflow": "other"}, {"queue": "refunds", "name": "Rest"}]}

    tried = lena.post("/api/v1/routing/default/preview", rules, content_type="application/json")

    assert (tried.status_code, tried.json()["counts"]) == (200, {"refunds": 1})
    moved = {
        "ticket_id": ticket.pk,
        "went_to": "default",
        "would_go_to": "refunds",
        "by": "2 (Rest)",
        "notes": [],
    }
    assert tried.json()["moved"] == [moved]
    assert not RoutingRule.objects.exists()
    saved = _put(lena, "routing/default", rules)
    assert saved.status_code == 200
    assert [(rule["queue"], rule["name"]) for rule in saved.json()["rules"]] == [
        ("default", ""),
        ("refunds", "Rest"),
    ]
    assert _put(lena, "routing/default", saved.json()).json() == saved.json()
    assert [rule["queue"] for rule in _told()["after"]["rules"]] == ["default", "refunds"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"expression": "input.("}, "rules.1.expression"),
        ({"confidence_from": 0.9, "confidence_to": 0.1}, "rules.1.confidence_to"),
        ({"queue": "nowhere"}, "rules.1.queue"),
        ({"tags": ["t"] * 21}, "rules.1.tags"),
    ],
)
def test_a_rule_at_fault_is_named_and_nothing_is_changed(
    queue: ReviewQueue, lena: Client, line: dict[str, Any], field: str
) -> None:
    for call in (lena.put, lena.post):
        address = "/api/v1/routing/default" + ("/preview" if call == lena.post else "")
        rules = {"rules": [{"queue": "default"}, {"queue": "default", **line}]}
        assert field in _faults(call(address, rules, content_type="application/json"))
    assert not RoutingRule.objects.exists()


def test_more_rules_than_are_tried_are_refused(queue: ReviewQueue, lena: Client) -> None:
    answer = _put(lena, "routing/default", {"rules": [{"queue": "default"}] * 201})

    assert "rules" in _faults(answer)
    assert not RoutingRule.objects.exists()
