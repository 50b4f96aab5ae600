"""Topics that the code defines: published with the workflows, refused where they may break who listens."""

import json
from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pydantic import BaseModel, ConfigDict, ValidationError

from examples.desk_team import workflows
from examples.support import workflows as others
from orchestration import Listen, TopicSpec, actors, runs
from orchestration.errors import MessageInvalid, SchemaBreaks, SpecInvalid
from orchestration.models import Project, Topic
from tests.integration.orchestration.actors.conftest import Behave

pytestmark = pytest.mark.django_db


class Updated(BaseModel):
    case: str
    by: str | None = None


def _schema_of(name: str) -> tuple[int, object]:
    latest = Topic.objects.get(name=name).schemas.first()
    assert latest is not None
    return latest.version, json.loads(latest.schema_json)


def _define(monkeypatch: pytest.MonkeyPatch, schema: object) -> None:
    monkeypatch.setattr(workflows, "NEWS", replace(workflows.NEWS, schema=schema))


def test_they_are_there_before_anybody_listens() -> None:
    runs.publish_code_specs()
    assert _schema_of("shop.news") == (1, workflows.NEWS.schema)
    assert Topic.objects.get(name="shop.news").description == workflows.NEWS.description
    assert [each.is_new for each in runs.publish_code_topics()] == [False, False]


def test_a_schema_that_lets_less_come_is_a_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    runs.publish_code_specs()
    tighter = {**workflows.NEWS.schema, "required": ["topic", "about", "text", "day"]}
    tighter["properties"] = {**tighter["properties"], "day": {"type": "string"}}
    tighter["additionalProperties"] = True
    _define(monkeypatch, {**workflows.NEWS.schema, "maxProperties": 3})
    [_, news] = [(each.topic.name, each.version, each.is_new) for each in runs.publish_code_topics()][::-1]
    assert news == ("shop.news", 2, True)
    _define(monkeypatch, tighter)
    with pytest.raises(SchemaBreaks, match=r"'shop.news'.*team\.librarian"):
        runs.publish_code_topics()


def test_what_may_break_who_listens_needs_force(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.publish_code_specs()
    _define(monkeypatch, {"type": "object"})
    with pytest.raises(CommandError, match=r"(?s)nothing was published:.*/topic may be missing.*say force"):
        call_command("publish_workflows")
    assert _schema_of("shop.news")[0] == 1

    call_command("publish_workflows", force=True, dry_run=True)
    assert "topic shop.news v2: would be published" in capsys.readouterr().out
    assert _schema_of("shop.news")[0] == 1

    call_command("publish_workflows", force=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert {"name": "shop.news", "kind": "topic", "version": 2, "is_new": True} in told
    assert _schema_of("shop.news") == (2, {"type": "object"})


def test_two_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "OTHER_NEWS", TopicSpec("shop.news"), raising=False)
    with pytest.raises(SpecInvalid, match=r"two topics are named 'shop\.news'"):
        runs.publish_code_specs()


def test_one_that_is_imported_elsewhere_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "SAME_NEWS", workflows.NEWS, raising=False)
    assert [each.name for each in runs.find_code_topics()] == ["shop.news", "team.answered"]


def test_a_model_is_a_schema() -> None:
    actors.define_topic("case.updated", Updated)
    with pytest.raises(MessageInvalid, match="body/case"):
        actors.publish("case.updated", {"case": 7})
    actors.publish("case.updated", {"case": "7"})


def test_another_project_has_its_own() -> None:
    runs.publish_code_topics("lab")
    assert set(Project.objects.get(slug="lab").topics.values_list("name", flat=True)) == {
        "shop.news",
        "team.answered",
    }


def test_who_listened_first_is_told_of_a_schema_that_comes_later(behave: Behave) -> None:
    behave("audit.case", lambda _: 1, listens=(Listen("case.updated", key="body.case"),))
    assert _schema_of("case.updated") == (1, {})
    actors.define_topic("case.updated", Updated)
    assert _schema_of("case.updated")[0] == 2


@pytest.mark.parametrize(("name", "schema"), [("Case Updated", None), ("case", ["a"]), ("case", 5)])
def test_what_is_no_topic_is_refused_where_it_is_written(name: str, schema: object) -> None:
    with pytest.raises(ValidationError, match=r"name|schema must be"):
        TopicSpec(name, schema)


def test_a_schema_that_is_none_is_refused_when_it_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(workflows, ModuleType)
    monkeypatch.setattr(workflows, "BAD", TopicSpec("a.bad", {"type": "nonsense"}), raising=False)
    with pytest.raises(CommandError, match=r"'a\.bad': schema/type"):
        call_command("publish_workflows")


class Unsayable(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    act: Callable[[], int]
    job: Thread


class Unwilling(BaseModel):
    @classmethod
    def model_json_schema(cls, *_: object, **__: object) -> dict[str, object]:
        raise RuntimeError("not today")


_DEEP: dict[str, object] = {}
for _ in range(3_000):
    _DEEP = {"not": _DEEP}


@pytest.mark.parametrize(
    "schema",
    [
        Unsayable,
        Unwilling,
        {1: "object"},
        {"type": "nonsense"},
        {"properties": []},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"enum": [object()]},
        {"pattern": "("},
        {"const": float("nan")},
        {"const": 10**400},
        {"title": "\x00"},
        {"title": "\ud800"},
        {"description": "x" * 2_000_000},
        _DEEP,
    ],
    ids=map(str, range(15)),
)
def test_what_is_no_schema_publishes_nothing_and_names_the_topic(
    monkeypatch: pytest.MonkeyPatch, schema: Any
) -> None:
    monkeypatch.setattr(workflows, "BAD", TopicSpec("a.bad", schema), raising=False)
    with pytest.raises(CommandError, match=r"(?s)nothing was published:.*'a\.bad': schema"):
        call_command("publish_workflows")
    assert not Topic.objects.exists()
    with pytest.raises(MessageInvalid, match=r"^schema"):
        actors.define_topic("a.bad", schema)


def test_two_files_that_name_one_topic_are_refused_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "NEWS", replace(workflows.NEWS), raising=False)
    with pytest.raises(CommandError, match=r"two topics are named 'shop\.news'"):
        call_command("publish_workflows")
    assert not Topic.objects.exists()


def test_one_that_nobody_published_is_heard_and_published_to_by_nobody() -> None:
    with pytest.raises(MessageInvalid, match=r"^topic: "):
        actors.publish("shop.news", {})
    with pytest.raises(MessageInvalid, match=r"^topic: there is none named"):
        actors.subscribe("shop.news", "team.librarian", key="1")
    call_command("publish_workflows", dry_run=True)
    assert not Topic.objects.exists()


def test_one_that_breaks_takes_back_those_published_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    runs.publish_code_specs()
    monkeypatch.setattr(workflows, "EARLY", TopicSpec("a.early"), raising=False)
    _define(monkeypatch, {"type": "string"})
    with pytest.raises(CommandError, match=r"nothing was published"):
        call_command("publish_workflows")
    assert not Topic.objects.filter(name="a.early").exists()
    call_command("publish_workflows", force=True)
    assert _schema_of("a.early") == (1, {})
    assert _schema_of("shop.news") == (2, {"type": "string"})
