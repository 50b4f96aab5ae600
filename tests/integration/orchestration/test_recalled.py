"""Memories that a step is handed because its spec asks for them: within its tokens, as of one moment, proven."""

import json
from typing import Any

import pytest
from django.conf import LazySettings

from agents import Task, TransientError
from agents.errors import CallRefused
from orchestration import Recall, Retry, StepSpec, Verify, WorkflowSpec, memory, runs
from orchestration.domain.bundle import verify_file
from orchestration.domain.receipts import canonical, digest_text
from orchestration.handoff import count_tokens
from orchestration.models import Call, Handoff, LineageLine, Memory
from orchestration.selectors.lineage import LineageQuery, MemoryName, list_lineage
from orchestration.selectors.lineage_words import tell_line
from orchestration.testing import FinishedRun, run_workflow
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

_RETRY = Retry(backoff_base_seconds=0, jitter_seconds=0)
_LIKES = Recall("input.customer + ' likes'")
_LONG = {"text": "Ada likes lamps. " * 3_000, "order": "A-1042"}


def _go(*steps: StepSpec, given: Any = None, **agents: Any) -> FinishedRun:
    spec = WorkflowSpec(name="recalls", steps=steps)
    acts = {"use": _tell, "facts": lambda _task: "x" * 14_000} | agents
    return run_workflow(
        spec,
        {"customer": "Ada"} if given is None else given,
        agents={f"test.{name}": act for name, act in acts.items()},
    )


def _use(key: str = "use", recall: Recall = _LIKES, **fields: Any) -> StepSpec:
    return StepSpec(key, agent="test.use", recall=recall, retry=_RETRY, **fields)


def _tell(task: Task) -> Any:
    return {"recalled": list(task.recalled), "input": task.input}


def _remember(key: str, value: Any, search: str | None = None, **more: Any) -> Memory:
    return memory.remember("project", key, value, search=search, through="desk", **more)


def _rows(done: FinishedRun) -> list[Handoff]:
    return list(Handoff.objects.filter(run=done.run, kind="recall").order_by("pk"))


def _check_proofs(done: FinishedRun) -> None:
    assert runs.verify(done.run.pk).fault is None
    for digests_only in (False, True):
        assert verify_file(runs.bundle(done.run.pk, digests_only=digests_only)).fault is None


def test_memories_like_a_text_are_handed_with_their_writers() -> None:
    row = _remember("customer/7", {"tone": "short"}, "Ada likes short answers")
    _remember("customer/8", {"tone": "long"}, "Bob hates nothing")

    done = _go(_use())

    [hit] = done.outputs["use"]["recalled"]
    assert {name: hit[name] for name in ("scope", "key", "version", "by", "value")} == {
        "scope": "project", "key": "customer/7", "version": 1, "by": "desk", "value": {"tone": "short"},
    }  # fmt: skip
    [handed] = _rows(done)
    assert (handed.memory_id, handed.source) == (row.pk, "memory:project/customer/7@1 by desk")
    assert handed.original_digest == handed.digest == row.digest
    assert handed.tokens_before == handed.tokens_after == count_tokens(canonical(hit))
    _check_proofs(done)
    file = json.loads(runs.bundle(done.run.pk))
    said = next(text for text in file["texts"].values() if "@1 by desk" in text)
    assert json.loads(said)[0][:3] == [handed.source, row.digest, row.digest]
    assert file["texts"][row.digest] == '{"tone":"short"}'


def test_a_memory_of_a_step_names_step_run_and_attempt() -> None:
    def note(task: Task) -> None:
        task.remember("project", "customer/7", "short", search="Ada likes short answers")

    written = _go(StepSpec("note", agent="test.note"), note=note)
    done = _go(_use())
    writer = f"test.note (note of run {written.run.pk}, attempt 1)"
    assert done.outputs["use"]["recalled"][0]["by"] == writer
    [line] = LineageLine.objects.filter(run=done.run, kind="handoff")
    assert tell_line(line).startswith(f"was handed memory project/customer/7@1 by {writer}, ")
    name = MemoryName(done.run.project_id, "project", "", "customer/7")
    assert [one.pk for one in list_lineage(LineageQuery(name, kinds=["handoff"]))] == [line.pk]
    assert not list_lineage(LineageQuery(name, kinds=["handoff"], until=line.at)).exists()
    assert not list_lineage(LineageQuery(name._replace(key="customer/8"), kinds=["handoff"])).exists()
    _check_proofs(done)


def test_scope_and_limit_are_those_of_the_spec() -> None:
    for number in range(5):
        _remember(f"customer/{number}", number, "Ada likes lamps")
    memory.remember("agent", "mine", "own", id="test.use", search="Ada likes lamps")
    memory.remember("agent", "other", "other", id="test.facts", search="Ada likes lamps")
    done = _go(_use("few", Recall("'lamps'", limit=2)), _use("own", Recall("'lamps'", scope="agent")))
    assert len(done.outputs["few"]["recalled"]) == 2
    assert [hit["value"] for hit in done.outputs["own"]["recalled"]] == ["own"]


def test_what_does_not_fit_is_cut_and_counted_and_stands_in_no_other_row() -> None:
    row = _remember("customer/7", _LONG, "Ada likes lamps")

    def use(task: Task) -> Any:
        [hit] = task.recalled
        of = hit["value"]["of"]
        with pytest.raises(CallRefused, match=r'task.memory\("project", "customer/7"\) reads it whole'):
            task.fetch(of, "/order")
        return {"hit": hit, "whole": len(task.memory("project", "customer/7").value["text"])}

    done = _go(_use(), use=use)

    hit = done.outputs["use"]["hit"]
    assert (hit["value"]["of"], done.outputs["use"]["whole"]) == (row.digest, len(_LONG["text"]))
    assert count_tokens(canonical(hit)) <= 4_000
    [handed] = _rows(done)
    assert handed.loss is not None
    assert (handed.tokens_after, handed.loss["leaves"], handed.summary_json) == (
        count_tokens(canonical(hit)),
        2,
        None,
    )
    assert handed.digest == digest_text(canonical(hit["value"]))
    assert not Handoff.objects.filter(run=done.run, kind="fetch").exists()
    _check_proofs(done)


def test_outputs_come_before_memories_and_all_together_keep_the_cap() -> None:
    for number in range(4):
        _remember(f"customer/{number}", {"text": f"Ada likes lamp {number}. " * 60}, "Ada likes lamps")

    done = _go(
        StepSpec("facts", agent="test.facts"),
        _use(needs=("facts",), recall=Recall("'lamps'", limit=4)),
        use=lambda task: {"facts": len(task.handoff["facts"]), "recalled": list(task.recalled)},
    )

    assert done.outputs["use"]["facts"] == 14_000
    rows = list(Handoff.objects.filter(to_step=done.steps["use"]))
    assert sum(row.tokens_after for row in rows) <= 4_000
    told = _rows(done)
    assert len(told) == 4
    assert [row.tokens_after == row.tokens_before for row in told].count(True) == 1
    left_out = [row for row in told if row.summarised_by == "left out"]
    assert left_out
    assert all(row.tokens_after == 0 for row in left_out)
    assert all(row.loss is not None and row.loss["kept"] == 0 for row in left_out)
    assert len(done.outputs["use"]["recalled"]) == 4 - len(left_out)
    _check_proofs(done)


def test_a_later_attempt_is_handed_what_the_first_one_was() -> None:
    _remember("customer/7", "short", "Ada likes short answers")

    def use(task: Task) -> Any:
        if task.attempt == 1:
            _remember("customer/7", "long", "Ada likes short answers")
            _remember("customer/9", "new", "Ada likes short answers")
            raise TransientError("again")
        return [hit["value"] for hit in task.recalled]

    done = _go(_use(), use=use)
    assert done.outputs["use"] == ["short"]
    assert [row.attempt.number for row in _rows(done)] == [1, 2]
    assert Call.objects.filter(run=done.run, kind="memory").count() == 2
    _check_proofs(done)


def test_what_was_forgotten_between_two_attempts_is_handed_to_nobody_and_the_proof_holds() -> None:
    row = _remember("customer/7", "short", "Ada likes short answers")

    def use(task: Task) -> Any:
        if task.attempt == 1:
            memory.forget(reason="she asked for it", prefix="customer/7")
            raise TransientError("again")
        return list(task.recalled)

    done = _go(_use(), use=use)
    assert done.outputs["use"] == []
    assert [handed.memory_id for handed in _rows(done)] == [row.pk, None]
    assert _rows(done)[1].source == "memory:nothing"
    _check_proofs(done)
    assert row.digest in json.loads(runs.bundle(done.run.pk))["withheld"]


def test_that_nothing_was_found_is_told_once() -> None:
    done = _go(_use(), _use("none", Recall("input.nobody")), given={"customer": "Ada", "nobody": None})
    assert done.outputs["use"]["recalled"] == done.outputs["none"]["recalled"] == []
    assert [(row.source, row.tokens_after) for row in _rows(done)] == [("memory:nothing", 0)] * 2
    assert Call.objects.filter(run=done.run, name="recall").count() == 1
    _check_proofs(done)


@pytest.mark.parametrize(
    ("like", "why"),
    [
        ("input.missing", "'input.missing': "),
        ("input.number", "recall: like: not 5; give a text of 1 to 4,000 characters"),
        ("input.empty", "recall: like: not ''; give a text"),
        ("input.huge", "recall: like: not 'xxx"),
        ("input.list", "recall: like: not ['a']; give a text"),
    ],
)
def test_a_text_that_is_none_ends_the_attempt_with_a_reason_and_nothing_is_called(
    like: str, why: str
) -> None:
    called: list[Task] = []
    given = {"number": 5, "empty": "", "huge": "x" * 5_000, "list": ["a"]}
    done = _go(_use(recall=Recall(like)), given=given, use=called.append)
    assert (done.held, called, _rows(done)) == (["use"], [], [])
    assert why in done.steps["use"].reason
    assert done.steps["use"].attempts.get().failure_kind == "bad_input"
    assert not Call.objects.filter(run=done.run).exists()


def test_a_step_that_may_fail_is_skipped_and_its_proof_holds() -> None:
    _remember("customer/7", "short", "Ada likes short answers")
    done = _go(
        _use("bad", Recall("input.number"), critical=False),
        _use("late", input={"x": "input.missing"}, critical=False),
        given={"customer": "Ada", "number": 5},
    )
    assert (done.status, done.steps["bad"].status, done.steps["late"].status) == (
        "succeeded", "skipped", "skipped",
    )  # fmt: skip
    _check_proofs(done)


def test_nothing_is_looked_up_for_a_step_whose_condition_is_false() -> None:
    done = _go(_use(recall=Recall("input.missing"), when="false"))
    assert done.steps["use"].skip_reason == "condition_false"
    assert not Call.objects.filter(run=done.run).exists()


def test_each_item_of_a_list_recalls_for_itself() -> None:
    _remember("customer/7", "short", "Ada likes short answers")
    _remember("customer/8", "long", "Bob likes long answers")
    done = _go(
        _use(for_each="['Ada', 'Bob']", recall=Recall("item", limit=1)),
        use=lambda task: [hit["value"] for hit in task.recalled],
    )
    assert done.outputs["use"] == [["short"], ["long"]]
    assert {row.to_step.key for row in _rows(done)} == {"use[0]", "use[1]"}
    _check_proofs(done)


def test_verifiers_and_a_later_collecting_keep_the_lines_of_the_attempt_that_was_handed_them() -> None:
    _remember("customer/7", "short", "Ada likes short answers")
    done = _go(_use(verify=Verify("test.judge")), judge=lambda _task: {"verdict": "PASS", "reasons": []})
    assert (done.status, len(_rows(done))) == ("succeeded", 1)
    _check_proofs(done)


def test_inputs_read_what_is_recalled_and_the_run_so_far() -> None:
    _remember("customer/7", {"tone": "short"}, "Ada likes short answers")
    done = _go(
        StepSpec("facts", agent="test.facts"),
        _use(
            needs=("facts",),
            input={"tone": "recalled[0].value.tone", "story": "digest_so_far", "many": "size(recalled)"},
        ),
        facts=lambda _task: "The lamp is broken.",
    )
    said = done.outputs["use"]["input"]
    assert (said["tone"], said["many"]) == ("short", 1)
    assert said["story"] == "facts (test.facts): handed over"
    _check_proofs(done)


def test_the_run_so_far_is_not_made_for_who_does_not_name_it() -> None:
    done = _go(StepSpec("plain", agent="test.use", input={"text": "input.customer"}))
    assert not Call.objects.filter(run=done.run).exists()


def test_a_memory_that_was_not_handed_can_not_be_fetched() -> None:
    row = _remember("other", "secret", "of Bob alone")

    def use(task: Task) -> Any:
        with pytest.raises(CallRefused, match="no original with digest"):
            task.fetch(row.digest)
        return 1

    assert _go(_use(), use=use).status == "succeeded"


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"source": "memory:project/customer/7@1 by eve"}, "received"),
        ({"source": "memory:project/customer/8@1 by desk"}, "source is not what names the memory"),
        ({"digest": "0" * 64}, "digest is not that of what was handed over"),
        ({"original_digest": "0" * 64, "digest": "0" * 64}, "original_digest is not that of the memory"),
        ({"tokens_after": 1}, "tokens_after differs although nothing was shortened"),
    ],
)
def test_a_line_of_a_memory_that_was_changed_is_found(columns: dict[str, Any], fault: str) -> None:
    _remember("customer/7", "short", "Ada likes short answers")
    done = _go(_use())
    with history_rewritten():
        Handoff.objects.filter(run=done.run).update(**columns)
    assert fault in (runs.verify(done.run.pk).fault or "")


def test_what_is_remembered_must_be_what_was_handed() -> None:
    _remember("customer/7", "short", "Ada likes short answers")
    done = _go(_use())
    with history_rewritten():
        Memory.objects.update(value_json='"long"')
    assert "what is remembered is not what was" in (runs.verify(done.run.pk).fault or "")


def test_a_cap_that_leaves_no_room_leaves_memories_out(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "HANDOFF_TOKENS": 100}
    _remember("customer/7", "short " * 100, "Ada likes short answers")
    done = _go(_use())
    assert done.outputs["use"]["recalled"] == []
    [row] = _rows(done)
    assert (row.summarised_by, row.tokens_after) == ("left out", 0)
    _check_proofs(done)
