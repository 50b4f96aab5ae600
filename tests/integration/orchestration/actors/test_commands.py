"""The commands about actors, topics and mail: what they write, what they refuse and what to do then."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from agents import Result, Task
from orchestration import actors
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Actor, Delivery, Message, Run
from orchestration.testing import drive_all
from tests.integration.orchestration.actors.conftest import Behave, Fakes

pytestmark = pytest.mark.django_db


def _call(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def _read(*words: str) -> Any:
    return json.loads(_call(*words, "--json"))


def _answer(task: Task) -> Result:
    body = task.messages[0].body
    if body == "make":
        task.send("support.case/2", "made")
    return Result(body, confidence=0.1 if body == "unsure" else 1.0)


@pytest.fixture
def fakes(behave: Behave) -> Fakes:
    return behave("support.case", _answer, step={"min_confidence": 0.9})


def test_a_message_is_sent_once_and_makes_its_actor(fakes: Fakes) -> None:
    User.objects.create_user("anna")
    words = (
        "send_message",
        "support.case/1",
        "--body",
        '{"password": "hunter2"}',
        "--key",
        "k",
        "--as",
        "anna",
    )
    message = Message.objects.get(pk=_read(*words)["id"])
    assert _call(*words) == f"message {message.pk} to 'support.case/1' is sent\n"
    assert (message.sender, message.body) == ("user:anna", {"password": "hunter2"})
    deliver_all()
    assert _read("list_actors", "--state", "running")[0]["address"] == "support.case/1"
    drive_all(agents=fakes)
    [actor] = _read("list_actors", "--name", "support.case")
    assert (actor["state"], actor["turns"], actor["turn"], actor["made_by"]) == ("idle", 1, None, "user:anna")
    assert _read("list_actors", "--state", "held") == []


def test_what_was_published_is_told_without_secrets(fakes: Fakes, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "required": ["case"]}')
    assert _call("define_topic", "case.updated", "--schema", f"@{schema}") == (
        "topic 'case.updated': schema v1 holds\n"
    )
    _call("publish_message", "case.updated", "--body", '{"case": 1, "password": "hunter2"}')
    actors.publish("case.updated", {"case": 2})
    [said] = _read("published", "--by", "command", "--topic", "case.updated", "--since", "1h")
    assert said["body"]["case"] == 1
    assert "hunter2" not in json.dumps(said) + _call("published")
    assert [row["body"]["case"] for row in _read("published", "--topic", "case.updated")] == [1, 2]
    assert _read("published", "--until", "1h") == []
    with pytest.raises(CommandError, match="body"):
        _call("publish_message", "case.updated", "--body", "{}")
    assert _read("list_topics") == [
        {"name": "case.updated", "version": 1, "subscriptions": 0, "description": ""}
    ]


def test_a_schema_that_breaks_needs_force(fakes: Fakes) -> None:
    _call("define_topic", "case.updated", "--schema", '{"type": "object", "required": ["case"]}')
    actors.subscribe("case.updated", "support.case", key="1")
    with pytest.raises(CommandError, match=r"support\.case/1"):
        _call("define_topic", "case.updated", "--schema", '{"type": "string"}')
    forced = _read("define_topic", "case.updated", "--schema", '{"type": "string"}', "--force")
    assert forced["version"] == 2


def test_who_made_whom_is_a_tree(fakes: Fakes) -> None:
    actors.send("support.case/1", "make")
    drive_all(agents=fakes)
    said = _read("show_actor", "support.case/2")
    assert [(each["address"], each["depth"]) for each in said["family"]] == [
        ("support.case/1", -1),
        ("support.case/2", 0),
    ]
    assert said["mail"][0]["state"] == "done"
    assert said["latest_turns"][0]["status"] == "succeeded"
    text = _call("show_actor", "support.case/1")
    assert "  * support.case/1\n    - support.case/2\n" in text
    assert text.rstrip().splitlines()[-1].startswith("next: ")


def test_a_held_turn_is_shown_and_parked(fakes: Fakes) -> None:
    actors.send("support.case/1", "unsure")
    actors.send("support.case/1", "sure")
    drive_all(agents=fakes)
    turn = str(Run.objects.get().pk)
    said = _read("show_actor", "support.case/1")
    assert (said["state"], said["turn"], said["queued"]) == ("held", turn, 1)
    assert "park_actor support.case/1" in said["next"]
    assert [row["address"] for row in _read("list_actors", "--state", "held")] == ["support.case/1"]
    assert _read("park_actor", "support.case/1")["id"] == turn
    with pytest.raises(CommandError, match="waits for a person"):
        _call("park_actor", "support.case/1")


def test_who_is_stopped_buries_its_mail_until_it_is_sent_again(fakes: Fakes) -> None:
    actors.send("support.case/1", "a")
    drive_all(agents=fakes)
    stopped = _read("stop_actor", "support.case/1", "--reason", "enough")
    assert (stopped["state"], stopped["stop_reason"]) == ("stopped", "enough")
    actors.send("support.case/1", "b")
    drive_all(agents=fakes)
    [dead] = _read("dead_letters", "--address", "support.case/1")
    assert (dead["state"], dead["reason"]) == ("dead", "it is stopped")
    assert "it is stopped" in _call("dead_letters")
    assert _call("restart_actor", "support.case/1") == (
        "actor support.case/1 is idle: 0 messages wait, 1 are dead letters, 1 turns begun\n"
    )
    assert _read("send_again", str(dead["id"]))["resent"] == 1
    drive_all(agents=fakes)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
    with pytest.raises(CommandError, match="only dead letters are sent again"):
        _call("send_again", str(dead["id"]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show_actor", "support.case/9"), "its first message makes it"),
        (("stop_actor", "nonsense"), "nonsense"),
        (("send_message", "nobody.here/1"), "no published workflow behaves as"),
        (("send_message", "support.case/1", "--body", "{"), "--body: no valid JSON"),
        (("send_message", "support.case/1", "--as", "nobody"), "--as: there is no user"),
        (
            ("publish_message", "no.topic"),
            "define it first, by a TopicSpec and `manage.py publish_workflows`",
        ),
        (("published", "--project", "nowhere"), "there is no project"),
        (("list_actors", "--project", "nowhere"), "--project: there is no project"),
        (("list_actors", "--limit", "0"), "--limit: give a whole number"),
        (("define_topic", "Bad Name"), "is no name"),
        (("send_again", "1"), "not there"),
    ],
)
def test_a_refusal_says_what_to_do(fakes: Fakes, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        _call(*words)
    assert not Actor.objects.exists()
    assert not Message.objects.exists()
