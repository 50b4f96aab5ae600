"""Topics: whoever subscribes gets what is published, once; a schema does not change under subscribers' feet."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents import Result, Task
from orchestration import Listen, actors
from orchestration.errors import MessageConflict, MessageInvalid, SchemaBreaks
from orchestration.models import Delivery, Message, Topic
from orchestration.testing import drive_all
from tests.integration.orchestration.actors.conftest import Behave

pytestmark = pytest.mark.django_db

SCHEMA = {
    "type": "object",
    "properties": {"case": {"type": "string"}, "by": {"enum": ["expert", "person"]}},
    "required": ["case"],
}


def test_a_rule_finds_the_actor_by_the_message(behave: Behave) -> None:
    heard: list[Any] = []
    listens = (Listen("case.updated", key="body.case", where="has(body.by)"),)
    fakes = behave(
        "audit.case", lambda task: heard.append((task.key, task.messages[0].topic)), listens=listens
    )
    actors.publish("case.updated", {"case": "7", "by": "expert"})
    actors.publish("case.updated", {"case": "8"})
    drive_all(agents=fakes)
    assert heard == [("7", "case.updated")]


def test_members_all_get_it_once(behave: Behave) -> None:
    fakes = behave("room.member", lambda _: 1)
    actors.define_topic("room.talk")
    for key in ("a", "b", "c"):
        actors.subscribe("room.talk", "room.member", key=key)
        actors.subscribe("room.talk", "room.member", key=key)
    actors.publish("room.talk", "hello", idempotency_key="1")
    actors.publish("room.talk", "hello", idempotency_key="1")
    drive_all(agents=fakes)
    assert Message.objects.count() == 1
    assert Delivery.objects.filter(state="done").count() == 3


def test_what_does_not_meet_the_schema_is_refused_to_strangers_and_agents(behave: Behave) -> None:
    def turn(task: Task) -> Result:
        task.publish("case.updated", {"case": 5})
        return Result(1)

    fakes = behave("support.case", turn)
    actors.define_topic("case.updated", SCHEMA)
    with pytest.raises(MessageInvalid, match="body/case"):
        actors.publish("case.updated", {"case": 5})
    actors.send("support.case/1", {})
    [done] = drive_all(agents=fakes)
    assert done.held == ["turn"]
    assert "body/case" in done.steps["turn"].reason
    assert Message.objects.count() == 1


def test_a_change_that_breaks_subscribers_says_whom(behave: Behave) -> None:
    behave("audit.case", lambda _: 1)
    actors.define_topic("case.updated", SCHEMA)
    actors.subscribe("case.updated", "audit.case", key_from="body.case")
    looser = SCHEMA | {"required": []}
    with pytest.raises(SchemaBreaks, match=r"/case may be missing.*audit\.case"):
        actors.define_topic("case.updated", looser)
    tighter = SCHEMA | {"required": ["case", "by"]}
    actors.define_topic("case.updated", tighter)
    actors.define_topic("case.updated", tighter)
    actors.define_topic("case.updated", looser, force=True)
    topic = Topic.objects.get()
    assert list(topic.schemas.order_by("version").values_list("version", "forced")) == [
        (1, False),
        (2, False),
        (3, True),
    ]


def test_who_published_what_and_when_is_one_query(behave: Behave) -> None:
    def turn(task: Task) -> Result:
        task.publish("case.updated", {"case": task.key})
        return Result(1)

    fakes = behave("support.case", turn)
    actors.define_topic("case.updated", SCHEMA)
    for key in ("1", "2"):
        actors.send(f"support.case/{key}", {})
    drive_all(agents=fakes)
    now = timezone.now()
    asked: dict[str, Any] = {
        "by": "support.case/1",
        "topic": "case.updated",
        "since": now - timedelta(hours=1),
    }
    assert [m.sender for m in actors.published(**asked, until=now)] == ["support.case/1"]
    assert not actors.published(**asked, until=now - timedelta(minutes=30)).exists()


def test_a_rule_that_fails_is_told_and_stops_nobody_else(behave: Behave) -> None:
    fakes = behave("audit.case", lambda _: 1)
    actors.define_topic("case.updated")
    actors.subscribe("case.updated", "audit.case", key_from="body.nothing.there")
    actors.subscribe("case.updated", "audit.case", key_from="body.case")
    sent = actors.publish("case.updated", {"case": "5"})
    drive_all(agents=fakes)
    sent.refresh_from_db()
    assert "subscription of audit.case" in sent.refusal
    assert Delivery.objects.get().actor.key == "5"


@pytest.mark.parametrize(
    ("to", "body", "field"),
    [
        ("nobody/1", {}, "behaves"),
        ("support.case", {}, "to:"),
        ("support.case/", {}, "to:"),
        ("support.case/a/b", {}, "to:"),
        ("support.case/\x00", {}, "to:"),
        ("support.case/" + "k" * 201, {}, "to:"),
        ("support.case/1", {"x": "y" * 70_000}, "body"),
        ("support.case/1", float("nan"), "body"),
        ("support.case/1", {"x": "\x00"}, "body"),
        (None, {}, "to:"),
    ],
)
def test_bad_messages_name_their_field(behave: Behave, to: Any, body: Any, field: str) -> None:
    behave("support.case", lambda _: 1)
    with pytest.raises(MessageInvalid, match=field):
        actors.send(to, body)
    assert Message.objects.count() == 0


def test_a_key_is_one_message(behave: Behave) -> None:
    behave("support.case", lambda _: 1)
    first = actors.send("support.case/1", "a", idempotency_key="k")
    assert actors.send("support.case/1", "a", idempotency_key="k") == first
    with pytest.raises(MessageConflict):
        actors.send("support.case/1", "b", idempotency_key="k")
    with pytest.raises(MessageConflict):
        actors.send("support.case/2", "a", idempotency_key="k")
