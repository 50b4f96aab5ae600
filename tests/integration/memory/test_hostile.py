"""Hostile keys, values, texts, times and embedders: each is refused by its field, or costs nobody a step."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from agents import Task
from agents.errors import MemoryRefused
from orchestration import StepSpec, WorkflowSpec, memory, runs
from orchestration.conf import get_conf
from orchestration.errors import MemoryConflict, MemoryInvalid
from orchestration.memory.enabling import enable
from orchestration.memory.vectors import forget_enabled
from orchestration.models import Memory
from orchestration.testing import FinishedRun, run_workflow

pytestmark = pytest.mark.django_db
_SPEC = WorkflowSpec(name="hostile", steps=(StepSpec("note", agent="mem.note"),))


def _run(agent: Any) -> FinishedRun:
    return run_workflow(_SPEC, {}, agents={"mem.note": agent})


class Endless(dict[str, Any]):
    """A value that holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self["more"] = self


class Speechless:
    """Something that can't even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


_NO_KEYS: tuple[Any, ...] = (
    *("", " ", "\x00", "a\nb", "a\ud800", "x" * 10_000, "a\u200bb", "a\u202eb", "\ufdd0", None, 7),
    Speechless(),
)
_NO_VALUES: tuple[Any, ...] = (
    *("\x00", "\ud800", float("nan"), float("inf"), 2**60, "x" * 10_000_000, Endless(), {1: 2}, {"\x00": 1}),
    *({1, 2}, b"bytes", object(), Speechless()),
)


def test_no_hostile_key_or_value_is_noted_and_each_is_named() -> None:
    refused: list[str] = []

    def note(task: Task) -> int:
        for field, values in (
            ("key", _NO_KEYS),
            ("value", _NO_VALUES),
            ("search", ("\x00", "\ud800", 7, "x" * 8_001)),
        ):
            for value in values:
                said: dict[str, Any] = {"scope": "project", "key": "k", "value": 1} | {field: value}
                with pytest.raises(MemoryRefused) as error:
                    task.remember(said.pop("scope"), said.pop("key"), said.pop("value"), **said)
                refused.append(str(error.value))
                assert str(error.value).startswith(f"task.remember: {field}")
        return 1

    assert _run(note).status == "succeeded"
    assert all(len(words) < 400 for words in refused)
    assert not Memory.objects.exists()


def test_a_value_that_is_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(MemoryInvalid, match=r"^value"):
        memory.remember("project", "k", deep)


def test_one_key_in_two_spellings_of_its_characters_is_one() -> None:
    composed, apart = (unicodedata.normalize(form, "café/Zoë") for form in ("NFC", "NFD"))
    assert composed != apart
    memory.remember("project", composed, 1)
    assert memory.remember("project", apart, 2, about=apart).version == 2
    assert [found.value_json for key in (composed, apart) if (found := memory.find("project", key))] == [
        "2",
        "2",
    ]
    assert memory.forget_about(composed, reason="a test")[0].versions == 2


def test_a_text_is_found_and_forgotten_however_it_is_written() -> None:
    said = 'Zoë said "no"\\'
    memory.remember("project", "a", {"note": said}, search="")
    memory.remember("project", "b", {"note": unicodedata.normalize("NFD", said)}, search="")
    assert memory.forget(text='Zoë SAID "NO"\\', reason="a test").versions == 2


@pytest.mark.parametrize(
    "like",
    [
        *("' & | ! <-> :* ( )", "!!!", "a & !b", "foo-bar <-> baz", "\\'", "%s %(x)s {}", "the of and", "🦔"),
        "x" * 4_000,
        "<a href='x & y'>",
    ],
)
def test_operators_of_a_search_are_words_like_others(like: str) -> None:
    memory.remember("project", "k", "foo-bar baz said it's x")
    found = memory.recall("project", like)
    assert len(found) <= 1
    done = _run(lambda task: len(task.recall("project", like)))
    assert done.outputs["note"] == len(found)


def test_what_has_expired_or_is_forgotten_may_be_written_by_who_found_nothing() -> None:
    memory.remember("project", "late", 1, expires_in_seconds=1e-6)
    memory.remember("project", "gone", 1)
    memory.forget(key="gone", reason="a test")

    def note(task: Task) -> int:
        for key in ("late", "gone"):
            hit = task.memory("project", key)
            task.remember("project", key, 2, expected_version=0 if hit is None else hit.version)
        return 1

    assert _run(note).status == "succeeded"
    assert list(Memory.objects.filter(replaced_by=None).values_list("version", "value_json")) == [
        (2, "2"),
        (2, "2"),
    ]
    with pytest.raises(MemoryConflict, match="the latest is 2"):
        memory.remember("project", "gone", 3, expected_version=0)
    assert memory.recall("project", "1") == []


@pytest.mark.parametrize(("year", "expected"), [(1, []), (9999, ["k"])])
def test_a_time_out_of_all_reach_is_a_time(year: int, expected: list[str]) -> None:
    memory.remember("project", "k", 1)
    memory.remember("project", "late", 1, expires_in_seconds=3600)
    at = datetime(year, 1, 1, tzinfo=UTC)
    assert [row.key for row in memory.desk.list_current(at=at)] == expected


@pytest.fixture
def vectors(settings: LazySettings) -> Iterator[None]:
    """The table, in the test's transaction, and whatever embedder a test names."""
    enable()
    yield
    forget_enabled()
    get_conf.cache_clear()


class _Embedder:
    name = "hostile@1"
    dimensions = 3

    def embed(self, texts: list[str]) -> Any:
        return [[1.0, 0.0, 0.0] for _ in texts]


class Raises(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        raise RuntimeError(f"no weights for {len(texts)} texts")


class Short(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return [[1.0] for _ in texts]


class Fewer(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return [[1.0, 0.0, 0.0] for _ in texts[1:]]


class NoNumbers(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return [[float("nan"), 0.0, 0.0] for _ in texts]


class Infinite(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return [[float("inf"), 0.0, 0.0] for _ in texts]


class Huge(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return [[1e300, 0.0, 0.0] for _ in texts]


class Words(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return [["a", None, object()] for _ in texts]


class Nothing(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return None if texts else []


class Zero(_Embedder):
    def embed(self, texts: list[str]) -> Any:
        return [[0.0, 0.0, 0.0] for _ in texts]


class Unbuildable(_Embedder):
    def __init__(self) -> None:
        raise OSError("no weights")


class Nameless(_Embedder):
    name = "x' OR true --"


class Longer(_Embedder):
    """The same name, and vectors of another length."""

    dimensions = 4

    def embed(self, texts: list[str]) -> Any:
        return [[1.0, 0.0, 0.0, 0.0] for _ in texts]


def _use(settings: LazySettings, embedder: type, index: str = "") -> None:
    more = {"VECTOR_INDEX": index} if index else {}
    settings.RINGMASTER = {**settings.RINGMASTER, "EMBEDDER": f"{__name__}.{embedder.__name__}", **more}
    get_conf.cache_clear()


def _note_and_look(task: Task) -> list[str]:
    found = [hit.key for hit in task.recall("project", "short answers")]
    task.remember("project", "new", "short answers, please")
    return found


@pytest.mark.parametrize(
    "embedder",
    [Raises, Short, Fewer, NoNumbers, Infinite, Huge, Words, Nothing, Zero, Unbuildable, Nameless],
)
def test_no_embedder_costs_a_step(vectors: None, settings: LazySettings, embedder: type) -> None:
    memory.remember("project", "k", "short answers")
    _use(settings, embedder)
    done = _run(_note_and_look)
    assert (done.status, done.outputs["note"]) == ("succeeded", ["k"])
    assert [hit.key for hit in memory.recall("project", "please")] == ["new"]
    assert runs.verify(done.run.pk).fault is None


@pytest.mark.parametrize("index", ["exact", "hnsw"])
def test_vectors_of_another_length_under_the_same_name_cost_no_step(
    vectors: None, settings: LazySettings, index: str
) -> None:
    _use(settings, _Embedder, index)
    memory.remember("project", "k", "short answers")
    if index == "hnsw":
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE INDEX ON orchestration_memoryvector USING hnsw ((embedding::vector(3)) vector_cosine_ops) "
                "WHERE embedder = 'hostile@1'"
            )
    _use(settings, Longer, index)
    done = _run(_note_and_look)
    assert (done.status, done.outputs["note"]) == ("succeeded", ["k"])


def test_a_table_that_is_gone_costs_no_step(vectors: None, settings: LazySettings) -> None:
    _use(settings, _Embedder)
    memory.remember("project", "k", "short answers")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE orchestration_memoryvector")
    done = _run(_note_and_look)
    assert (done.status, done.outputs["note"]) == ("succeeded", ["k"])
