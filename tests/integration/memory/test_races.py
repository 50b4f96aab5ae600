"""Two that write the same key at once, a worker whose claim has passed on, and the guards against both."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import sleep
from typing import Any

import pytest
from django.db import connection, transaction

from agents import Result, Task
from agents.domain.memories import read_note
from orchestration import StepSpec, WorkflowSpec, memory, runs
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ClaimLost
from orchestration.executor import conclude, load_facts
from orchestration.executor.prepare import get_step_spec
from orchestration.executor.remembering import write_lines
from orchestration.holds import resolve
from orchestration.memory import writing
from orchestration.memory.lines import describe_note
from orchestration.models import Memory, Project
from orchestration.testing import run_workflow
from orchestration.transitions import finish
from tests.guards import cut
from tests.integration.escalation.desk import count_waiting
from tests.integration.orchestration.rig import Rig, answer, graph
from tests.statements import record_statements

_ROUNDS = 200


def _together(*acts: Callable[[], Any]) -> list[Any]:
    """Do things at one moment, each on a connection of its own; return what each gave or raised."""
    barrier = Barrier(len(acts))

    def act(what: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return what()
        except Exception as error:  # noqa: BLE001 - what came of it is the result
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(act, acts))


@pytest.mark.django_db(transaction=True)
def test_of_two_that_expect_the_same_version_one_writes() -> None:
    for version in range(_ROUNDS):
        write = lambda at=version: memory.remember("project", "k", at, expected_version=at)  # noqa: E731
        came = _together(write, write)
        assert sorted(type(one).__name__ for one in came) == ["Memory", "MemoryConflict"], came
    assert list(Memory.objects.order_by("version").values_list("version", flat=True)) == list(
        range(1, _ROUNDS + 1)
    )


@pytest.mark.django_db(transaction=True)
def test_who_expects_nothing_appends_and_nobody_is_lost_or_locked_for_ever() -> None:
    project = Project.objects.get(slug="default").pk
    keys = ("a", "b", "c")

    def write(order: tuple[str, ...]) -> None:
        notes = [read_note("project", key, 1, None, None, None) for key in order]
        lines = [describe_note(note, project_id=project, scope_id="", by_name="test") for note in notes]
        writing.write_memories(sorted(lines, key=lambda line: line["key"]))

    for _ in range(20):
        came = _together(*(lambda: write(keys), lambda: write(keys[::-1]), lambda: write(keys[1:])))
        assert came == [None, None, None]
    assert Memory.objects.filter(replaced_by=None).count() == 3
    assert {row.version for row in Memory.objects.filter(replaced_by=None)} == {40, 60}


def _finish_with_note(rig: Rig, claim: Any, expected: int | None = None) -> None:
    facts = load_facts(claim)
    lines = write_lines(claim, [read_note("project", "k", 1, None, None, expected)])
    conclude(claim, get_step_spec(claim), type(facts)(effects={"memory": lines}), answer("done"))


@pytest.mark.django_db
def test_a_zombie_s_finish_remembers_nothing() -> None:
    rig = Rig.begin(graph({"a": ()}))
    old = rig.take("a")
    rig.free(old)
    with pytest.raises(ClaimLost):
        _finish_with_note(rig, old)
    assert not Memory.objects.exists()
    _finish_with_note(rig, rig.take("a"))
    assert Memory.objects.count() == 1
    assert rig.step("a").status == "succeeded"


@pytest.mark.django_db
def test_a_conflict_writes_neither_step_nor_memory_and_is_told() -> None:
    rig = Rig.begin(graph({"a": ()}))
    memory.remember("project", "k", 1)
    _finish_with_note(rig, rig.take("a"), expected=0)
    step = rig.step("a")
    assert (step.status, step.output_json, step.failures) == ("retryable", None, 0)
    assert step.decisions.get().rule == "memory_conflict"
    assert Memory.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.breaks_guards
def test_without_the_token_a_zombie_would_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        finish,
        "_FINISH_THAT_REMEMBERS",
        cut(
            finish._FINISH_THAT_REMEMBERS,
            "FROM done d, json_to_recordset(d.effects -> 'memory')",
            "FROM given d, json_to_recordset(d.effects -> 'memory')",
        ),
    )
    with pytest.raises(AssertionError):
        test_a_zombie_s_finish_remembers_nothing()


@pytest.mark.django_db
@pytest.mark.breaks_guards
def test_without_the_comparison_a_conflict_would_overwrite(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = "coalesce(l.expected, r.version, 0) = coalesce(r.version, 0)"
    monkeypatch.setattr(finish, "_FINISH_THAT_REMEMBERS", cut(finish._FINISH_THAT_REMEMBERS, guard, "true"))
    with pytest.raises(AssertionError):
        test_a_conflict_writes_neither_step_nor_memory_and_is_told()


@pytest.mark.django_db
def test_a_plain_finish_knows_nothing_of_memories() -> None:
    rig = Rig.begin(graph({"a": (), "b": ()}))
    with record_statements() as sent:
        rig.finish(rig.take("a"))
    assert not [text for text in sent if "orchestration_memory" in text]
    with record_statements() as sent:
        _finish_with_note(rig, rig.take("b"))
    assert len([text for text in sent if "INSERT INTO orchestration_memory " in text]) == 1


def _held_note(task: Task) -> Result:
    task.remember("project", "customer/7", "new", about="customer/7")
    return Result("unsure", confidence=0.1)


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_a_forgetting_of_the_same_wait_for_each_other_in_one_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory.remember("project", "customer/7", "old")
    held = run_workflow(
        WorkflowSpec(name="held", steps=(StepSpec("note", agent="mem.note"),)),
        {},
        agents={"mem.note": _held_note},
    )
    looked, go_on = Event(), Event()
    number = writing.number_lines

    def slowly(lines: Any) -> Any:
        looked.set()
        go_on.wait(20)
        return number(lines)

    monkeypatch.setattr(resolve, "number_lines", slowly)

    def approve() -> None:
        with transaction.atomic():
            runs.resolve_step(
                held.steps["note"].pk, kind=ResolutionKind.APPROVE, actor="ada", resolution_id="1"
            )

    def forget() -> Any:
        looked.wait(20)
        return memory.forget_about("customer/7", reason="a test")

    def watch() -> None:
        looked.wait(20)
        while not count_waiting():
            sleep(0.01)
        go_on.set()

    came = _together(approve, forget, watch)
    assert [type(one).__name__ for one in came] == ["NoneType", "list", "NoneType"], came
    assert not Memory.objects.exclude(value_json=None).exists()
