"""What an agent reads beyond what it was handed: originals by their digest, and the run so far; and how old is old."""

import json
from typing import Any

import pytest
from django.conf import LazySettings

from agents import Task, TransientError
from agents.errors import CallRefused
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain.bundle import verify_file
from orchestration.domain.receipts import canonical, digest_text
from orchestration.executor.context import cut_value
from orchestration.handoff import count_tokens
from orchestration.models import Call, Handoff
from orchestration.testing import FinishedRun, run_workflow

pytestmark = pytest.mark.django_db

_ROWS = [{"id": n, "text": f"row {n} " * 20} for n in range(400)]
_RETRY = Retry(backoff_base_seconds=0, jitter_seconds=0)


def _go(*steps: StepSpec, **agents: Any) -> FinishedRun:
    spec = WorkflowSpec(name="reads", steps=steps)
    return run_workflow(spec, {}, agents={f"test.{name}": act for name, act in agents.items()})


def _read(act: Any, **fields: Any) -> FinishedRun:
    return _go(
        StepSpec("facts", agent="test.facts"),
        StepSpec("use", agent="test.use", needs=("facts",), retry=_RETRY, **fields),
        facts=lambda _task: {"rows": _ROWS},
        use=act,
    )


def test_a_part_of_an_original_is_read_recorded_and_proven() -> None:
    def use(task: Task) -> Any:
        of = task.handoff["facts"]["of"]
        return [
            task.fetch(of, "/rows/3"),
            task.fetch(of, "/rows", limit=200),
            task.fetch(of, "/rows/0/text", 3),
        ]

    done = _read(use)
    whole, rows, text = done.outputs["use"]
    assert whole == {"value": _ROWS[3], "is_whole": True}
    assert (rows["is_whole"], rows["value"] == _ROWS[: len(rows["value"])]) == (False, True)
    assert 100 < count_tokens(canonical(rows["value"])) <= 200
    assert text == {"value": "row 0 row ", "is_whole": False}
    fetched = list(Handoff.objects.filter(run=done.run, kind="fetch").order_by("pk"))
    assert [row.pointer for row in fetched] == ["/rows/3", "/rows", "/rows/0/text"]
    assert {row.original_digest for row in fetched} == {done.steps["facts"].output_digest}
    assert [row.digest for row in fetched] == [
        digest_text(canonical(answer)) for answer in done.outputs["use"]
    ]
    assert runs.verify(done.run.pk).fault is None
    assert verify_file(runs.bundle(done.run.pk)).fault is None


def test_a_later_attempt_reads_the_same_and_has_rows_of_its_own() -> None:
    def use(task: Task) -> Any:
        found = task.fetch(task.handoff["facts"]["of"], "/rows/3")
        if task.attempt == 1:
            raise TransientError("again")
        return found

    done = _read(use)
    assert done.outputs["use"]["value"] == _ROWS[3]
    assert Call.objects.filter(run=done.run, name="fetch").count() == 1
    rows = Handoff.objects.filter(run=done.run, kind="fetch")
    assert sorted(rows.values_list("attempt__number", flat=True)) == [1, 2]
    assert runs.verify(done.run.pk).fault is None


async def _read_awaited(task: Task) -> Any:
    found = await task.fetch(task.handoff["facts"]["of"], "/rows/5")
    return [found, await task.digest_so_far]


def test_a_coroutine_awaits_what_it_reads() -> None:
    found, so_far = _read(_read_awaited).outputs["use"]
    assert (found["value"], so_far) == (_ROWS[5], "facts (test.facts): handed over")


@pytest.mark.parametrize(
    ("of", "pointer", "why"),
    [
        ("0" * 64, "", "no original with digest"),
        (None, "", "no original with digest"),
        ("mine", "rows", "is no JSON pointer"),
        ("mine", "/rows/400", "nothing stands at '/rows/400' of 'facts'"),
    ],
)
def test_what_was_not_handed_to_this_attempt_or_is_not_there_is_refused(
    of: Any, pointer: str, why: str
) -> None:
    def use(task: Task) -> Any:
        try:
            return task.fetch(task.handoff["facts"]["of"] if of == "mine" else of, pointer)
        except CallRefused as error:
            return str(error)

    done = _read(use)
    assert why in done.outputs["use"]
    assert not Handoff.objects.filter(run=done.run, kind="fetch").exists()


def test_the_original_of_another_step_is_refused() -> None:
    def use(task: Task) -> Any:
        with pytest.raises(CallRefused, match=r"was handed to this attempt; give the `of` of what"):
            task.fetch(digest_text(canonical({"secret": 1})))
        return "refused"

    done = _go(
        StepSpec("secret", agent="test.secret"),
        StepSpec("facts", agent="test.facts", needs=("secret",)),
        StepSpec("use", agent="test.use", needs=("facts",)),
        secret=lambda _task: {"secret": 1},
        facts=lambda _task: {"rows": _ROWS},
        use=use,
    )
    assert done.outputs["use"] == "refused"


def test_no_more_is_read_than_an_attempt_may(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FETCH_TOKENS": 900}

    def use(task: Task) -> Any:
        of = task.handoff["facts"]["of"]
        task.fetch(of, "/rows", 500)
        if task.attempt == 1:
            raise TransientError("again")  # what is answered from the journal counts too
        try:
            return task.fetch(of, "/rows/0", 500), task.fetch(of, "/rows", 600)
        except CallRefused as error:
            return str(error)

    assert "are over FETCH_TOKENS" in _read(use).outputs["use"]


def _chain(length: int, last: StepSpec, act: Any, **more: Any) -> FinishedRun:
    steps = [StepSpec("s0", agent="test.s")]
    steps += [StepSpec(f"s{n}", agent="test.s", needs=(f"s{n - 1}",)) for n in range(1, length)]
    say = {"s": lambda task: {"from": task.step_key, "text": f"It was {task.step_key}. " * 90}}
    return _go(*steps, last, use=act, **say | more)


def test_the_run_so_far_is_told_near_steps_whole_and_older_ones_in_a_line() -> None:
    def use(task: Task) -> Any:
        return task.digest_so_far

    done = _chain(6, StepSpec("use", agent="test.use", needs=("s5",)), use)
    lines = done.outputs["use"].split("\n")
    assert [line.partition(" ")[0] for line in lines] == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert lines[5] == "s5 (test.s): handed over"
    assert [len(line) > 700 for line in lines[:5]] == [False, False, False, True, True]
    assert lines[0].endswith("…")
    assert runs.verify(done.run.pk).fault is None


def test_the_digest_stays_within_what_the_hand_offs_left(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "HANDOFF_TOKENS": 500}
    told: list[int] = []

    def use(task: Task) -> Any:
        handed = sum(count_tokens(canonical(value)) for value in task.handoff.values())
        so_far = task.digest_so_far
        told.append(handed + count_tokens(so_far))
        return so_far

    done = _chain(20, StepSpec("use", agent="test.use", needs=("s19",)), use)
    assert told[0] <= 500
    assert "steps before these)" in done.outputs["use"]


@pytest.mark.parametrize(("fresh_steps", "is_short"), [(None, False), (3, True), (4, False)])
def test_what_is_old_and_long_is_shortened_if_the_step_says_so(
    fresh_steps: int | None,
    is_short: bool,
) -> None:
    last = StepSpec("use", agent="test.use", needs=("s3", "s0"), fresh_steps=fresh_steps)
    done = _chain(4, last, lambda task: task.handoff)
    assert ("summary" in done.outputs["use"]["s0"]) is is_short
    assert "summary" not in done.outputs["use"]["s3"]
    row = Handoff.objects.get(to_step=done.steps["use"], from_step=done.steps["s0"])
    assert (row.tokens_after <= 200) is is_short
    assert runs.verify(done.run.pk).fault is None


def test_a_value_is_cut_at_its_beginning() -> None:
    assert cut_value({"a": "x" * 40, "b": "y" * 400}, 20) == ({"a": "x" * 40}, False)
    assert cut_value(12_345_678, 1) == (12_345_678, True)
    assert cut_value(["x" * 400], 20) == ([], False)
    assert json.dumps(cut_value("é" * 100, 10)[0], ensure_ascii=False).count("é") == 38
