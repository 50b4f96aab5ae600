"""What agents remember is kept with an accepted answer, or not at all; and found again as of the first look."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import PermanentError, Result, Task
from agents.errors import MemoryRefused
from escalation import escrow
from escalation.models import Ticket
from orchestration import StepSpec, Verify, WorkflowSpec, memory
from orchestration.domain.states import ResolutionKind
from orchestration.models import Call, Memory, MemoryDraft
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

ONE = WorkflowSpec(name="remembers", steps=(StepSpec("note", agent="mem.note"),))
TWO = WorkflowSpec(
    name="remembers-two",
    steps=(StepSpec("note", agent="mem.note"), StepSpec("look", agent="mem.look", after=("note",))),
)


def _note(task: Task) -> str:
    task.remember("project", "customer/7", {"tone": "short"}, search="likes short answers")
    return "noted"


def _run(agent: Any, spec: WorkflowSpec = ONE, **more: Any) -> FinishedRun:
    return run_workflow(spec, {}, agents={"mem.note": agent, **more})


def test_an_accepted_answer_brings_what_it_remembers_with_its_writer() -> None:
    done = _run(_note)
    [row] = Memory.objects.all()
    assert (row.scope, row.scope_id, row.key, row.version) == ("project", "", "customer/7", 1)
    assert (row.value_json, row.search, row.replaced_by) == ('{"tone":"short"}', "likes short answers", None)
    step = done.steps["note"]
    assert (row.step_id, row.run_id, row.attempt) == (step.pk, done.run.pk, step.attempts.get(number=1))


def test_each_scope_has_its_own_owner() -> None:
    def note(task: Task) -> int:
        for scope in ("agent", "run", "project"):
            task.remember(scope, "k", scope)
        return 1

    done = _run(note)
    found = dict(Memory.objects.values_list("scope", "scope_id"))
    assert found == {"agent": "mem.note", "run": str(done.run.pk), "project": ""}


def test_a_second_write_makes_a_version_and_keeps_the_first() -> None:
    _run(_note)
    _run(lambda task: task.remember("project", "customer/7", "new"))
    first, second = Memory.objects.order_by("version")
    assert (first.version, second.version) == (1, 2)
    assert (first.replaced_by, second.replaced_by) == (second.pk, None)
    assert first.replaced_at == second.valid_from > first.valid_from
    assert first.replaced_in == second.written_in


def test_the_last_note_of_an_attempt_counts() -> None:
    def note(task: Task) -> int:
        task.remember("run", "n", 1)
        task.remember("run", "n", 2)
        return 1

    _run(note)
    [row] = Memory.objects.all()
    assert (row.version, row.value_json) == (1, "2")


@pytest.mark.parametrize("error", [PermanentError("no"), ValueError("no")])
def test_a_failed_attempt_remembers_nothing(error: Exception) -> None:
    def note(task: Task) -> None:
        _note(task)
        raise error

    done = _run(note)
    assert done.held == ["note"]
    assert not Memory.objects.exists()
    assert not MemoryDraft.objects.exists()


def test_a_later_step_reads_it_with_its_writer() -> None:
    seen: list[Any] = []

    def look(task: Task) -> str:
        hit = task.memory("project", "customer/7")
        seen.extend((hit, task.remembered("project", "customer/7"), task.remembered("project", "x", "none")))
        seen.append(task.recall("project", like="does she like it short?"))
        return "ok"

    done = _run(_note, TWO, **{"mem.look": look})
    assert done.status == "succeeded"
    hit, value, default, hits = seen
    assert (hit.value, hit.version, hit.run_id) == ({"tone": "short"}, 1, str(done.run.pk))
    assert (hit.step_key, hit.attempt, hit.agent, hit.person) == ("note", 1, "mem.note", "")
    assert (value, default) == ({"tone": "short"}, "none")
    assert [one.key for one in hits] == ["customer/7"]
    assert done.calls("look") == ["memory:read", "memory:pin", "memory:read", "memory:recall"]


def test_async_agents_remember_and_look_likewise() -> None:
    seen: list[Any] = []

    async def look(task: Task) -> str:
        seen.append(await task.remembered("project", "customer/7"))
        seen.append(await task.recall("project", like="short"))
        task.remember("project", "seen", True)
        return "ok"

    done = _run(_note, TWO, **{"mem.look": look})
    assert done.status == "succeeded"
    assert seen[0] == {"tone": "short"}
    assert [one.key for one in seen[1]] == ["customer/7"]
    assert Memory.objects.get(key="seen").value_json == "true"


def test_no_attempt_reads_what_it_noted_itself_nor_what_came_after_its_first_look() -> None:
    seen: list[Any] = []

    def look(task: Task) -> str:
        seen.append(task.remembered("project", "a"))
        memory.remember("project", "a", 1)
        memory.remember("project", "b", 1)
        task.remember("project", "c", 1)
        seen.extend((task.remembered("project", "b"), task.remembered("project", "c")))
        return "ok"

    assert _run(look).status == "succeeded"
    assert seen == [None, None, None]


def test_a_later_attempt_reads_what_the_first_had_read() -> None:
    seen: list[Any] = []

    def look(task: Task) -> str:
        seen.append((task.remembered("project", "a"), [hit.value for hit in task.recall("project", "word")]))
        memory.remember("project", "a", "new", search="word")
        if len(seen) == 1:
            raise TimeoutError("once more")
        seen.append(task.remembered("project", "b"))
        return "ok"

    memory.remember("project", "a", "old", search="word")
    memory.remember("project", "b", "old")
    done = _run(look)
    assert done.status == "succeeded"
    assert seen == [("old", ["old"]), ("old", ["old"]), "old"]


def test_the_journal_has_ids_and_digests_and_nothing_of_a_value() -> None:
    _run(_note, TWO, **{"mem.look": lambda task: task.remembered("project", "customer/7")["tone"]})
    texts = " ".join(f"{call.request_json} {call.response_json}" for call in Call.objects.all())
    assert Memory.objects.get().digest in texts
    assert "short" not in texts


def test_what_is_noted_with_a_proposal_is_remembered_when_a_person_approves_it() -> None:
    def note(task: Task) -> Result:
        _note(task)
        return Result("unsure", confidence=0.1)

    done = _run(note)
    assert done.held == ["note"]
    assert not Memory.objects.exists()
    _approve(done)
    [row] = Memory.objects.all()
    assert (row.key, row.attempt) == ("customer/7", done.steps["note"].attempts.get(number=1))
    assert not MemoryDraft.objects.exists()


@pytest.mark.parametrize("kind", ["edit", "skip", "abort"])
def test_with_any_other_answer_it_is_not(kind: str) -> None:
    def note(task: Task) -> Result:
        _note(task)
        return Result("unsure", confidence=0.1)

    _approve(_run(note), kind, **({"output": "other"} if kind == "edit" else {}))
    assert not Memory.objects.exists()


def _approve(done: FinishedRun, kind: str = "approve", **more: Any) -> None:
    ticket = Ticket.objects.get(run=done.run, status="open")
    person, _ = User.objects.get_or_create(username="ada", is_superuser=True)
    held = escrow.claim_ticket(ticket.pk, person)
    escrow.resolve_ticket(
        ticket.pk,
        person,
        kind=ResolutionKind(kind),
        claim_number=held.claim_number,
        seen_digest=held.seen_digest,
        **more,
    )


@pytest.mark.parametrize(("verdict", "expected"), [("PASS", 1), ("FAIL", 0)])
def test_a_gate_lets_memories_pass_with_the_answer(verdict: str, expected: int) -> None:
    spec = WorkflowSpec(
        name="gated",
        steps=(StepSpec("note", agent="mem.note", verify=Verify("mem.judge", max_revisions=0)),),
    )
    judge = lambda _task: {"verdict": verdict, "reasons": ["thin"]}  # noqa: E731 - a fake
    done = _run(_note, spec, **{"mem.judge": judge})
    assert Memory.objects.count() == expected
    assert done.held == ([] if expected else ["note"])


def test_what_is_noted_within_a_call_outlasts_the_attempt_that_made_it() -> None:
    tries: list[int] = []

    def note(task: Task) -> int:
        def find() -> int:
            task.remember("run", "within", len(tries))
            return 5

        answer = task.once("find", find)
        task.remember("run", "beside", len(tries))
        tries.append(1)
        if len(tries) == 1:
            raise TimeoutError("once more")
        return int(answer)

    done = _run(note)
    assert done.status == "succeeded"
    assert dict(Memory.objects.values_list("key", "value_json")) == {"within": "0", "beside": "1"}
    assert not MemoryDraft.objects.exists()


def test_an_expected_version_that_is_not_the_latest_lets_the_step_look_again() -> None:
    effects: list[Any] = []
    reads: list[Any] = []

    def count(task: Task) -> int:
        hit = task.memory("project", "counter")
        reads.append(hit.value)
        task.once("effect", lambda: effects.append(1))
        task.remember("project", "counter", hit.value + 1, expected_version=hit.version)
        if len(reads) == 1:
            memory.remember("project", "counter", 10)
        return int(hit.value)

    memory.remember("project", "counter", 1)
    done = _run(count)
    assert done.status == "succeeded"
    assert (reads, effects) == ([1, 10], [1])
    assert list(Memory.objects.order_by("version").values_list("value_json", flat=True)) == ["1", "10", "11"]
    step = done.steps["note"]
    rules = [attempt.decision.rule for attempt in step.attempts.order_by("number")]
    assert (rules[0], step.failures, step.renewals) == ("memory_conflict", 0, 0)
    assert "version 1" in step.attempts.get(number=1).error_message


def test_who_never_catches_up_goes_to_a_person() -> None:
    def count(task: Task) -> int:
        hit = task.memory("project", "counter")
        memory.remember("project", "counter", 0)
        task.remember("project", "counter", 1, expected_version=hit.version)
        return 1

    memory.remember("project", "counter", 0)
    done = _run(count)
    assert done.held == ["note"]
    assert done.steps["note"].decisions.latest("pk").rule == "memory_contended"
    assert done.steps["note"].attempts.count() == 21


@pytest.mark.parametrize("expected", [1, 5])
def test_a_version_that_never_was_is_a_conflict_too(expected: int) -> None:
    def note(task: Task) -> int:
        task.remember("project", "k", 1, expected_version=expected)
        return 1

    assert _run(note).held == ["note"]
    assert not Memory.objects.exists()


def test_version_0_is_that_there_is_none() -> None:
    def note(task: Task) -> int:
        task.remember("project", "k", 1, expected_version=0)
        return 1

    assert _run(note).status == "succeeded"
    assert _run(note).held == ["note"]
    assert Memory.objects.count() == 1


def test_an_actor_is_needed_for_its_scope() -> None:
    raised: list[str] = []

    def note(task: Task) -> int:
        for act in (lambda: task.remember("actor", "k", 1), lambda: task.remembered("actor", "k")):
            with pytest.raises(MemoryRefused) as error:
                act()
            raised.append(str(error.value))
        return 1

    assert _run(note).status == "succeeded"
    assert all("this step is no turn of an actor" in words for words in raised)


def test_expired_memories_are_not_read() -> None:
    seen: list[Any] = []

    def look(task: Task) -> int:
        seen.append((task.remembered("project", "soon"), task.remembered("project", "late")))
        return 1

    memory.remember("project", "soon", 1, expires_in_seconds=1e-6)
    memory.remember("project", "late", 1, expires_in_seconds=3600)
    _run(look)
    assert seen == [(None, 1)]
    assert memory.find("project", "soon") is None


def test_a_suspended_step_goes_on_with_what_it_had_read() -> None:
    seen: list[Any] = []

    def look(task: Task) -> int:
        seen.append(task.remembered("project", "a"))
        task.sleep(60)
        seen.append(task.remembered("project", "b"))
        return 1

    def note(task: Task) -> int:
        if not seen:
            memory.remember("project", "a", "old")
        return look(task)

    done = _run(note)
    memory.remember("project", "a", "new")
    assert drive(done.run.pk, agents={"mem.note": note}).status == "succeeded"
    assert seen == ["old", "old", None]
