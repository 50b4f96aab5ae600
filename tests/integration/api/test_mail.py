"""Actors, mail and topics over the API: how they stand, what is sent once, and what nobody may see."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orchestration import actors
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Actor, Delivery, Message, Run
from orchestration.selectors import actors as actors_read
from orchestration.selectors import withheld
from orchestration.testing import drive_all
from tests.integration.api.people import Caller
from tests.integration.api.scene import AGENTS, Scene
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


@pytest.fixture
def operator(callers: dict[str, Caller]) -> Caller:
    return callers["operator"]


def _get(caller: Caller, address: str) -> Any:
    answer = caller.get(f"{V1}/{address}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def _send(caller: Caller, body: Any, key: str = "", **to: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return caller.post(f"{V1}/mail", {"project": "desk", "body": body, **to}, **headers)


def test_a_message_is_sent_once_and_its_turn_is_seen(scene: Scene, operator: Caller) -> None:
    first, again = (_send(operator, {"case": 7}, "k", to="test.desk/9") for _ in range(2))
    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    assert (first.json()["sender"], first.json()["body"]) == ("user:operator", {"case": 7})
    other = _send(operator, {"case": 8}, "k", to="test.desk/9")
    assert (other.status_code, other.json()["code"]) == (409, "message_conflict")
    deliver_all()
    [actor] = _get(operator, "actors?key=9")["results"]
    assert (actor["state"], actor["queued"], actor["turns"]) == ("running", 0, 1)
    drive_all(agents=AGENTS)
    shown = _get(operator, f"actors/{actor['id']}")
    assert (shown["state"], shown["queued"], shown["turns"], shown["turn"]) == ("idle", 0, 1, None)
    [delivery] = _get(operator, f"actors/{actor['id']}/deliveries")["results"]
    assert (delivery["state"], delivery["mail"]) == ("done", first.json()["id"])
    assert delivery["run"] == str(Run.objects.get(actor=actor["id"]).pk)
    assert _get(operator, f"mail/{delivery['mail']}")["deliveries"] == {"done": 1}
    assert _get(operator, f"mail/{delivery['mail']}/deliveries")["results"] == [delivery]


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ({}, "to: give either"),
        ({"to": "test.desk/1", "topic": "case.updated"}, "to: give either"),
        ({"to": "nonsense"}, "nonsense"),
        ({"to": "nobody.here/1"}, "no published workflow"),
        ({"topic": "no.topic"}, "define it first"),
        ({"topic": "case.updated"}, "body"),
    ],
)
def test_what_can_go_nowhere_is_refused(scene: Scene, operator: Caller, to: Any, said: str) -> None:
    before = Message.objects.count()
    answer = _send(operator, 5, **to)
    assert (answer.status_code, answer.json()["code"]) == (400, "message_invalid")
    assert said in answer.json()["detail"]
    assert Message.objects.count() == before


def test_what_was_published_is_found_by_sender_topic_and_time(scene: Scene, operator: Caller) -> None:
    for case in (1, 2):
        _send(operator, {"case": case}, topic="case.updated")
    asked = "mail?project=desk&topic=case.updated&sender=user:operator"
    found = _get(operator, asked)["results"]
    assert [_get(operator, f"mail/{row['id']}")["body"]["case"] for row in found] == [2, 1]
    assert _get(operator, f"{asked}&until={_ago(60)}")["results"] == []
    assert len(_get(operator, f"{asked}&since={_ago(60)}")["results"]) == 2
    assert len(_get(operator, "mail?kind=topic")["results"]) == 3
    page = _get(operator, f"{asked}&page_size=1")
    assert _get(operator, f"{asked}&page_size=1&cursor={page['next_cursor']}")["results"] == found[1:]
    first = _get(operator, "mail?page_size=1")
    rest = _get(operator, f"mail?cursor={first['next_cursor']}")["results"]
    assert len(rest) == Message.objects.count() - 1


def _ago(seconds: int) -> str:
    return (timezone.now() - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def test_secrets_are_masked(scene: Scene, operator: Caller) -> None:
    shown = _get(operator, f"mail/{scene.dead.message_id}")
    assert shown["hidden"] is None
    assert "hunter2" not in json.dumps(shown)
    assert "password" in shown["body"]


@pytest.mark.parametrize("asked", ["step", "run"])
def test_what_a_restricted_step_said_is_hidden(
    scene: Scene, operator: Caller, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    about = {"step": scene.step} if asked == "step" else {}
    with history_rewritten():
        Message.objects.filter(pk=scene.dead.message_id).update(run=scene.held, attempt=1, **about)
    assert _get(operator, f"mail/{scene.dead.message_id}")["body"] is not None
    escalator = withheld._escalator()
    hidden = {"find_hidden": frozenset({scene.step.pk}), "find_hidden_runs": frozenset({scene.held.pk})}
    for name, found in hidden.items():
        monkeypatch.setattr(type(escalator), name, lambda *_, found=found: found)
    shown = _get(operator, f"mail/{scene.dead.message_id}")
    assert (shown["body"], shown["hidden"]) == (None, withheld.RESTRICTED)


def test_a_dead_letter_is_sent_again_to_who_is_started_again(scene: Scene, operator: Caller) -> None:
    [dead] = _get(operator, "dead-letters?project=desk")["results"]
    assert (dead["id"], dead["reason"], dead["address"]) == (scene.dead.pk, "it is stopped", "test.desk/1")
    at = f"{V1}/actors/{scene.dead.actor_id}"
    assert operator.get(at).json()["state"] == "stopped"
    assert operator.post(f"{at}/restart").json()["state"] == "idle"
    again = f"{V1}/deliveries/{scene.dead.pk}/send-again"
    assert operator.post(again).json()["resent"] == 1
    drive_all(agents=AGENTS)
    assert Delivery.objects.get(pk=scene.dead.pk).state == "done"
    refused = operator.post(again)
    assert (refused.status_code, refused.json()["code"]) == (409, "delivery_not_dead")
    stopped = operator.post(f"{at}/stop", {"reason": "enough"}).json()
    assert (stopped["state"], stopped["stopped_by"], stopped["stop_reason"]) == (
        "stopped",
        "operator",
        "enough",
    )


def test_a_list_of_actors_takes_as_many_queries_whatever_its_length(scene: Scene, operator: Caller) -> None:
    assert _count(operator) == _count(operator)
    few = _count(operator)
    for key in range(20):
        actors.send(f"test.desk/many-{key}", {}, project="desk")
    assert _count(operator) == few


def _count(caller: Caller) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        _get(caller, "actors")
    return len(queries)


def test_a_topic_shows_its_schemas_and_who_hears_it(scene: Scene, callers: dict[str, Caller]) -> None:
    admin, at = callers["admin"], f"topics/{scene.topic.pk}"
    again = admin.post(
        f"{V1}/topics", {"project": "desk", "name": "case.updated", "schema": {"type": "string"}}
    )
    assert (again.status_code, again.json()["code"]) == (409, "schema_breaks")
    forced = {"project": "desk", "name": "case.updated", "schema": {"type": "string"}, "force": True}
    shown = admin.post(f"{V1}/topics", forced).json()
    assert [(each["version"], each["forced"]) for each in shown["schemas"]] == [(2, True), (1, False)]
    rule = {"name": "test.desk", "key_from": "body.case", "where": "has(body.case)"}
    made = admin.post(f"{V1}/{at}/subscriptions", rule)
    assert made.status_code == 201
    assert _get(admin, at)["subscriptions"] == 2
    assert [each["key"] for each in _get(admin, f"{at}/subscriptions")["results"]] == ["1", ""]
    scene.topic.subscriptions.filter(pk=made.json()["id"]).update(source="desk")
    kept = admin.call("DELETE", f"{V1}/subscriptions/{made.json()['id']}")
    assert (kept.status_code, kept.json()["code"]) == (409, "subscription_kept")
    assert admin.call("DELETE", f"{V1}/subscriptions/{scene.member.pk}").status_code == 204
    assert _get(admin, at)["subscriptions"] == 1


def test_only_whom_it_made_stands_below_an_actor(scene: Scene, operator: Caller) -> None:
    top = Actor.objects.get(pk=scene.dead.actor_id)
    below = [
        Actor.objects.create(
            project=top.project, name="test.desk", key=key, made_by=str(top), made_by_actor=top
        )
        for key in ("a", "b")
    ]
    Actor.objects.create(project=top.project, name="test.desk", key="c", made_by="code")
    family = _get(operator, f"actors/{below[0].pk}")["family"]
    assert [(each["address"], each["depth"]) for each in family] == [("test.desk/1", -1), ("test.desk/a", 0)]
    family = _get(operator, f"actors/{top.pk}")["family"]
    assert [(each["id"], each["depth"]) for each in family] == [
        (top.pk, 0),
        (below[0].pk, 1),
        (below[1].pk, 1),
    ]
    assert len(actors_read.list_family(top.pk)) == 3
