"""Memories found by meaning, where vectors are enabled: exact, merged with words, and gone when forgotten."""

from collections.abc import Iterator
from io import StringIO
from itertools import pairwise

import numpy as np
import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection

from agents import Task
from orchestration import StepSpec, WorkflowSpec, memory
from orchestration.memory import embedding
from orchestration.memory.embedding import embed_all, get_embedder
from orchestration.memory.enabling import enable
from orchestration.memory.vectors import are_enabled, forget_enabled
from orchestration.models import Memory
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db
_TEXTS = (
    "the customer prefers very brief replies",
    "invoices are sent on the first of the month",
    "her dog is called Rex",
    "the parcel was delivered to a neighbour",
    "payment by credit card was refused",
    "he complained about the noise of the machine",
)


@pytest.fixture
def vectors() -> Iterator[None]:
    """The table, in the test's transaction."""
    enable()
    yield
    forget_enabled()


def _write(number: int, text: str) -> None:
    memory.remember("project", f"k{number}", number, search=text)


def test_without_the_table_a_recall_goes_by_words_and_the_check_says_so() -> None:
    _write(0, _TEXTS[0])
    assert not are_enabled()
    assert [hit.key for hit in memory.recall("project", "brief")] == ["k0"]
    assert memory.recall("project", "short answers") == []
    said = [message for message in run_checks(databases=["default"]) if message.id == "orchestration.I001"]
    assert len(said) == 1


def test_an_agent_s_memory_is_found_by_meaning(vectors: None) -> None:
    def note(task: Task) -> int:
        for number, text in enumerate(_TEXTS):
            task.remember("project", f"k{number}", number, search=text)
        return 1

    found: list[str] = []

    def look(task: Task) -> int:
        found.extend(hit.key for hit in task.recall("project", "likes short answers", limit=1))
        return 1

    steps = (StepSpec("note", agent="v.note"), StepSpec("look", agent="v.look", after=("note",)))
    done = run_workflow(WorkflowSpec(name="v", steps=steps), agents={"v.note": note, "v.look": look})
    assert (done.status, found) == ("succeeded", ["k0"])
    assert not [m for m in run_checks(databases=["default"]) if m.id == "orchestration.I001"]


def test_the_order_is_that_of_all_distances(vectors: None) -> None:
    for number, text in enumerate(_TEXTS):
        _write(number, text)
    for question in ("zzz qqq animal pet", "xyzzy money transfer", "plugh loud"):
        vector = np.array(embed_all([question])[0])
        near = np.array(embed_all(_TEXTS)) @ vector
        expected = [f"k{at}" for at in np.argsort(-near, kind="stable")]
        words = [hit.key for hit in memory.recall("project", question, limit=6)]
        assert words == expected


def test_words_and_meanings_are_merged_by_reciprocal_rank(vectors: None) -> None:
    for number, text in enumerate(_TEXTS):
        _write(number, text)
    hits = memory.recall("project", "Rex", limit=6)
    assert hits[0].key == "k2"
    assert hits[0].score == pytest.approx(2 / 61)
    assert all(one.score >= other.score for one, other in pairwise(hits))


def test_what_is_forgotten_has_no_vector(vectors: None) -> None:
    _write(0, _TEXTS[0])
    assert _count_vectors() == 1
    memory.forget(key="k0", reason="a test")
    assert _count_vectors() == 0
    assert memory.recall("project", "short answers") == []


def test_an_embedder_that_fails_costs_nobody_a_memory(vectors: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_texts: object) -> list[list[float]]:
        raise RuntimeError("no model")

    monkeypatch.setattr(embedding, "embed_all", fail)
    _write(0, _TEXTS[0])
    assert (Memory.objects.count(), _count_vectors()) == (1, 0)
    assert [hit.key for hit in memory.recall("project", "brief")] == ["k0"]


def test_what_has_no_vector_is_embedded_in_batches(vectors: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("orchestration.memory.embedding.are_enabled", lambda: False)
        for number, text in enumerate(_TEXTS):
            _write(number, text)
    assert _count_vectors() == 0
    out = StringIO()
    call_command("embed_memories", "--batch", "4", stdout=out)
    assert f"6 memories are embedded by {get_embedder().name}" in out.getvalue()
    assert _count_vectors() == 6
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_memoryvector SET embedder = 'former@1'")
    out = StringIO()
    call_command("embed_memories", stdout=out)
    assert "6 vectors are of other embedders" in out.getvalue()
    call_command("embed_memories", "--drop-others", stdout=StringIO())
    assert _count_vectors() == 6


def test_embedding_needs_the_table() -> None:
    with pytest.raises(CommandError, match=r"run `manage\.py enable_vectors` first"):
        call_command("embed_memories")


def _count_vectors() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orchestration_memoryvector")
        return int(cursor.fetchone()[0])
