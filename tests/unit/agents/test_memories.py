"""What may be remembered, and what a task that no engine made does with it."""

import asyncio
import copy
import math
from typing import Any

import pytest

from agents import Task
from agents.domain.memories import MOST_HITS
from agents.domain.notebook import MOST_NOTED_BYTES, MOST_NOTES, MemoryScope
from agents.errors import MemoryRefused


def _task() -> Task:
    return Task({}, {}, {}, "run", "step", 1, "token", "key")


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("scope", {"scope": "team"}),
        ("scope", {"scope": None}),
        ("scope", {"scope": ["run"]}),
        ("key", {"key": ""}),
        ("key", {"key": "  "}),
        ("key", {"key": 7}),
        ("key", {"key": "x" * 201}),
        ("key", {"key": "a\x00b"}),
        ("key", {"key": "a\nb"}),
        ("key", {"key": "\ud800"}),
        ("value", {"value": "a\x00b"}),
        ("value", {"value": math.nan}),
        ("value/0", {"value": [math.inf]}),
        ("value", {"value": "x" * 1_048_576}),
        ("value/a", {"value": {"a": object()}}),
        ("value", {"value": {1: 2}}),
        ("value/0/0/0", {"value": _deep(40)}),
        ("value", {"value": 2**60}),
        ("value", {"value": "\ud800"}),
        ("search", {"search": 5}),
        ("search", {"search": "x" * 8_001}),
        ("search", {"search": "a\x00"}),
        ("search", {"search": "\udfff"}),
        ("expires_in_seconds", {"expires_in_seconds": 0}),
        ("expires_in_seconds", {"expires_in_seconds": -1}),
        ("expires_in_seconds", {"expires_in_seconds": math.nan}),
        ("expires_in_seconds", {"expires_in_seconds": math.inf}),
        ("expires_in_seconds", {"expires_in_seconds": True}),
        ("expires_in_seconds", {"expires_in_seconds": "60"}),
        ("expected_version", {"expected_version": -1}),
        ("expected_version", {"expected_version": 1.0}),
        ("expected_version", {"expected_version": True}),
        ("expected_version", {"expected_version": 2**31}),
    ],
)
def test_what_can_t_be_kept_is_refused_by_its_field(field: str, fields: dict[str, Any]) -> None:
    task = _task()
    said: dict[str, Any] = {"scope": "run", "key": "k", "value": 1} | fields
    scope, key, value = said.pop("scope"), said.pop("key"), said.pop("value")
    with pytest.raises(MemoryRefused, match=rf"^task\.remember: {field}") as refused:
        task.remember(scope, key, value, **said)
    assert len(str(refused.value)) < 400
    assert task.calls.notebook.list_notes() == []


@pytest.mark.parametrize("scope", list(MemoryScope))
def test_a_note_is_kept_as_canonical_json(scope: str) -> None:
    task = _task()
    task.remember(scope, "customer/7", {"b": 1, "a": "ä"}, expires_in_seconds=60, expected_version=0)
    [note] = task.calls.notebook.list_notes()
    assert (note.scope, note.key, note.value_json) == (scope, "customer/7", '{"a":"ä","b":1}')
    assert (note.expires_in_seconds, note.expected_version) == (60.0, 0)


@pytest.mark.parametrize(
    ("value", "search", "expected"),
    [
        ({"tone": "short", "n": [1, {"x": "deep"}], "is": True, "no": None}, None, "short 1 deep"),
        ("a text", None, "a text"),
        (5, None, "5"),
        (True, None, ""),
        ({"tone": "short"}, "likes it short", "likes it short"),
        ({"tone": "short"}, "", ""),
    ],
)
def test_a_recall_looks_at_the_words_of_the_value_unless_told_otherwise(
    value: Any, search: str | None, expected: str
) -> None:
    task = _task()
    task.remember("run", "k", value, search=search)
    assert [set(note.search.split()) for note in task.calls.notebook.list_notes()] == [set(expected.split())]


def test_one_attempt_notes_so_many_things_and_no_more() -> None:
    task = _task()
    for number in range(MOST_NOTES):
        task.remember("run", f"k{number}", 1)
    with pytest.raises(MemoryRefused, match=f"one attempt may note {MOST_NOTES} things"):
        task.remember("run", "more", 1)


def test_one_attempt_notes_so_much_and_no_more() -> None:
    task = _task()
    large = "x" * 60_000
    for number in range(MOST_NOTED_BYTES // 60_000):
        task.remember("run", f"k{number}", large, search="")
    with pytest.raises(MemoryRefused, match="may have 1,048,576 characters together"):
        task.remember("run", "more", large, search="")


@pytest.mark.parametrize(
    ("field", "like", "limit"),
    [
        ("like", "", 3),
        ("like", " ", 3),
        ("like", 5, 3),
        ("like", "x" * 4_001, 3),
        ("like", "a\x00", 3),
        ("limit", "a", 0),
        ("limit", "a", MOST_HITS + 1),
        ("limit", "a", 1.0),
        ("limit", "a", True),
    ],
)
def test_a_recall_that_is_none_is_refused_by_its_field(field: str, like: Any, limit: Any) -> None:
    with pytest.raises(MemoryRefused, match=rf"^task\.recall: {field}: not "):
        _task().recall("run", like, limit)


def test_without_an_engine_nothing_is_found_and_the_default_is_given() -> None:
    task = _task()
    task.remember("run", "k", 1)
    assert task.remembered("run", "k", "none") == "none"
    assert task.memory("run", "k") is None
    assert task.recall("run", "anything") == []


def test_in_a_coroutine_looks_are_awaited() -> None:
    async def look(task: Task) -> list[Any]:
        both = asyncio.gather(task.remembered("run", "a", 1), task.remembered("run", "b", 2))
        return [*await both, await task.memory("run", "k"), await task.recall("run", "x")]

    assert asyncio.run(look(_task())) == [1, 2, None, []]


def test_a_copy_of_a_task_notes_in_the_same_book() -> None:
    task = _task()
    copy.deepcopy(task).remember("run", "k", 1)
    assert len(task.calls.notebook.list_notes()) == 1


def test_what_is_noted_within_a_call_is_told_by_the_call() -> None:
    task = _task()
    task.once("outer", lambda: task.once("inner", lambda: task.remember("run", "in", 1)))
    task.remember("run", "out", 1)
    book = task.calls.notebook
    assert [note.key for note in book.list_notes()] == ["in", "out"]
    assert [note.key for note in book.list_notes("once")] == []
    assert [note.key for note in book.list_notes("outer#1/")] == ["in"]
    assert [note.key for note in book.list_notes("outer#1/inner#1/")] == ["in"]
