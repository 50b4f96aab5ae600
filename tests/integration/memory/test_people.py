"""What people and programs do with memories: look as of a time, write, forget; by module, command and REST."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from agents import Task
from agents.errors import MemoryRefused
from orchestration import StepSpec, WorkflowSpec, memory, runs
from orchestration.errors import MemoryConflict, MemoryInvalid, MemoryNotFound, ProjectNotFound
from orchestration.memory.desk import list_current
from orchestration.models import Call, Forgetting, Memory, MemoryDraft, Project
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db


def _command(name: str, *arguments: str) -> Any:
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_what_was_known_at_a_time_is_found() -> None:
    first = memory.remember("project", "k", "old")
    second = memory.remember("project", "k", "new")
    before = first.valid_from - timedelta(microseconds=1)
    assert memory.find("project", "k", at=before) is None
    assert memory.find("project", "k", at=first.valid_from) == first
    assert memory.find("project", "k", at=second.valid_from - timedelta(microseconds=1)) == first
    assert memory.find("project", "k", at=second.valid_from) == memory.find("project", "k") == second
    assert memory.history("project", "k") == [second, first]
    assert list(list_current("default")) == [second]


def test_a_person_s_write_names_the_person() -> None:
    anna = User.objects.create_user("anna")
    row = memory.remember("agent", "k", 1, id="acme.reply", by=anna, through="console")
    assert (row.person, row.person_name, row.step) == (anna, "console:anna", None)


def test_a_person_s_write_keeps_to_the_version_it_expects() -> None:
    memory.remember("project", "k", 1, expected_version=0)
    with pytest.raises(MemoryConflict, match="'k' \\(project\\) was to be at version 0, and the latest is 1"):
        memory.remember("project", "k", 2, expected_version=0)
    assert Memory.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("scope", {"scope": "team"}),
        ("key", {"key": "\x00"}),
        ("value", {"value": float("nan")}),
        ("id", {"id": "x"}),
        ("id", {"scope": "agent"}),
        ("id", {"scope": "run", "id": "none"}),
        ("id", {"scope": "run", "id": "00000000-0000-4000-8000-000000000000"}),
        ("id", {"scope": "actor", "id": "a\nb"}),
    ],
)
def test_what_can_t_be_written_is_refused_by_its_field(field: str, fields: dict[str, Any]) -> None:
    said: dict[str, Any] = {"scope": "project", "key": "k", "value": 1} | fields
    with pytest.raises(MemoryInvalid, match=f"^{field}"):
        memory.remember(said.pop("scope"), said.pop("key"), said.pop("value"), **said)


def test_another_project_is_another_memory() -> None:
    with pytest.raises(ProjectNotFound):
        memory.remember("project", "k", 1, project="nowhere")


def test_forgetting_empties_all_versions_and_tells_who_and_why() -> None:
    ada = User.objects.create_user("ada")
    for value in ("ada@example.org", "bob@example.org", "ada@example.org again"):
        memory.remember("project", "customer/7", {"mail": value})
    memory.remember("project", "other", "about Ada@Example.org, too", search="")
    digests = list(Memory.objects.order_by("pk").values_list("digest", flat=True))
    told = memory.forget(text="ada@example.org", reason="asked for", by=ada, through="console")
    assert (told.versions, told.person_name, told.reason) == (3, "console:ada", "asked for")
    assert "example" not in told.which
    left = list(Memory.objects.order_by("pk").values_list("value_json", flat=True))
    assert left == [None, '{"mail":"bob@example.org"}', None, None]
    assert list(Memory.objects.order_by("pk").values_list("digest", flat=True)) == digests
    assert memory.find("project", "customer/7") is None
    assert memory.recall("project", "ada example") == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(m::text, '') FROM orchestration_memory m")
        assert "ada" not in cursor.fetchone()[0].lower()


def _remember_about_seven() -> None:
    Project.objects.create(slug="abroad", name="Abroad")
    memory.remember("project", "customer/7", 1)
    memory.remember("project", "customer/7/habits", 2)
    memory.remember("agent", "advice", 3, id="acme.reply", about=["customer/7", "household/1"])
    memory.remember("actor", "state", 4, id="support.case/1", about="customer/7", project="abroad")
    memory.remember("project", "customer/70", 70)
    memory.remember("project", "x", "customer/7 is mentioned")


def _list_left() -> list[str | None]:
    rows = Memory.objects.exclude(value_json=None).order_by("pk")
    return list(rows.values_list("value_json", flat=True))


def test_all_about_somebody_goes_from_all_scopes_and_projects() -> None:
    _remember_about_seven()
    told = memory.forget_about("customer/7", reason="asked")
    assert [(one.project.slug, one.versions) for one in told] == [("default", 3), ("abroad", 1)]
    assert _list_left() == ["70", '"customer/7 is mentioned"']
    assert not Memory.objects.filter(about__contains=["customer/7"]).exists()
    assert "customer/7" not in "".join(one.which for one in told)
    with pytest.raises(MemoryNotFound):
        memory.forget_about("customer/7", reason="asked")


def test_about_somebody_may_be_narrowed() -> None:
    _remember_about_seven()
    memory.forget_about("customer/7", reason="asked", projects=["abroad"])
    memory.forget(about="customer/7", scope="agent", reason="asked")
    assert _list_left() == ["1", "2", "70", '"customer/7 is mentioned"']
    told = _command("forget_memory", "--about", "customer/7", "--reason", "asked")
    assert [(one["project"], one["versions"]) for one in told] == [("default", 2)]


def test_whom_an_agent_names_is_whom_it_is_about() -> None:
    def note(task: Task) -> int:
        task.remember("run", "k", 1, about="customer/7")
        for about in ("", ["a", 7], [" "], {"a": 1}, b"a", "x" * 201, map(str, range(10**9)), "a\x00"):
            with pytest.raises(MemoryRefused, match=r"^task\.remember: about: "):
                task.remember("run", "k", 1, about=about)  # type: ignore[arg-type]
        return 1

    spec = WorkflowSpec(name="w", steps=(StepSpec("a", agent="w.a"),))
    assert run_workflow(spec, agents={"w.a": note}).status == "succeeded"
    assert Memory.objects.get().about == ["customer/7"]


def test_a_forgotten_key_goes_on_with_its_next_version() -> None:
    memory.remember("project", "k", 1)
    memory.forget(key="k", reason="a test")
    assert memory.remember("project", "k", 2).version == 2
    with pytest.raises(MemoryNotFound):
        memory.forget(key="none", reason="a test")


@pytest.mark.parametrize(
    "fields", [{}, {"text": "a"}, {"about": " "}, {"prefix": " "}, {"key": "k", "reason": " "}]
)
def test_too_much_is_not_forgotten_by_mistake(fields: dict[str, Any]) -> None:
    memory.remember("project", "k", "a")
    with pytest.raises(MemoryInvalid):
        memory.forget(**{"reason": "a test", **fields})
    assert not Forgetting.objects.exists()


def test_what_is_noted_and_not_accepted_is_forgotten_too() -> None:
    def note(task: Task) -> None:
        task.once("x", lambda: task.remember("project", "customer/7", "ada"))
        raise ValueError("no")

    run_workflow(WorkflowSpec(name="f", steps=(StepSpec("a", agent="f.a"),)), agents={"f.a": note})
    assert "ada" in MemoryDraft.objects.get().lines_json
    memory.forget(prefix="customer/", reason="a test")
    assert "ada" not in MemoryDraft.objects.get().lines_json


def test_proofs_hold_after_a_forgetting_and_name_a_row_that_was_changed() -> None:
    def note(task: Task) -> Any:
        task.remember("project", "mine", 2)
        return task.remembered("project", "theirs")

    memory.remember("project", "theirs", "ada")
    done = run_workflow(WorkflowSpec(name="p", steps=(StepSpec("a", agent="p.a"),)), agents={"p.a": note})
    memory.forget(key="theirs", reason="a test")
    assert runs.verify(done.run.pk).fault is None
    assert "ada" not in "".join(call.response_json or "" for call in Call.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else what waits in the transaction forbids the next
        cursor.execute("ALTER TABLE orchestration_memory DISABLE TRIGGER USER")
        cursor.execute("UPDATE orchestration_memory SET value_json = '3' WHERE key = 'mine'")
    fault = runs.verify(done.run.pk).fault
    assert fault == "step 'a', memory 'mine' v1 (project): value_json does not match its digest"


@pytest.mark.parametrize(
    "change",
    [
        "value_json = '2'",
        "about = '{x}'",
        "reason = 'x'",
        "key = 'other'",
        "digest = 'x'",
        "version = 7",
        "value_json = NULL, search = ''",
    ],
)
def test_nobody_changes_what_was_written(change: str) -> None:
    memory.remember("project", "k", 1)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orchestration_memory SET {change}")


def test_a_version_is_replaced_once() -> None:
    memory.remember("project", "k", 1)
    memory.remember("project", "k", 2)
    with pytest.raises(IntegrityError), transaction.atomic():
        Memory.objects.filter(version=1).update(replaced_at=None, replaced_by=None, replaced_in=None)


def test_commands_write_show_and_forget() -> None:
    User.objects.create_user("anna")
    written = _command("write_memory", "customer/7", '"short"', "--scope", "project", "--as", "anna")
    assert (written["version"], written["person"]) == (1, "command:anna")
    _command("write_memory", "customer/7", '"long"', "--scope", "project", "--expected-version", "1")
    assert [one["value"] for one in _command("show_memory", "--prefix", "customer/")] == ["long"]
    assert _command("show_memory", "--at", "1d") == []
    history = _command("show_memory", "--scope", "project", "--key", "customer/7", "--history")
    assert [one["value"] for one in history] == ["long", "short"]
    assert _command("show_memory", "--text", "nothing") == []
    [told] = _command("forget_memory", "--prefix", "customer/", "--reason", "asked", "--as", "anna")
    assert (told["versions"], told["person"]) == (2, "command:anna")
    out = StringIO()
    call_command("show_memory", stdout=out)
    assert "(forgotten)" in out.getvalue()


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("--scope: say whose memory", ("write_memory", "k", "1")),
        ("JSON: ", ("write_memory", "k", "{", "--scope", "project")),
        (
            "--expected-version: 'k'",
            ("write_memory", "k", "1", "--scope", "project", "--expected-version", "3"),
        ),
        ("--history: shows all versions", ("show_memory", "--history")),
        ("--about: say what is to be forgotten", ("forget_memory", "--reason", "x")),
        ("nothing that is remembered fits", ("forget_memory", "--reason", "x", "--key", "none")),
    ],
)
def test_commands_say_what_to_do(words: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=words):
        call_command(*arguments)
