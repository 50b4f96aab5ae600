"""What a step is handed: losses that everybody can see, pins, and summaries that are paid for once."""

import json
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import IntegrityError, transaction

from agents import Result, Task, TransientError
from orchestration import Retry, StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.bundle import verify_file
from orchestration.domain.receipts import digest_text
from orchestration.models import Event, Handoff, Summary
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db

_MADE: list[int] = []
_TEXTS: list[str] = []
_FACTS = {"order_id": "A-1042", "amount": 120, "days": 14, "text": "The lamp is broken. " * 2_000}


def summarise(_value: Any, allowance_tokens: int) -> tuple[str, str]:
    """Count the calls."""
    _MADE.append(allowance_tokens)
    return _TEXTS[0], "test.counting@1"


@pytest.fixture(autouse=True)
def _counted(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER": f"{__name__}.summarise"}
    _MADE.clear()
    _TEXTS[:] = ["The lamp of order A-1042 is broken."]


def _go(*steps: StepSpec, **agents: Any) -> FinishedRun:
    spec = WorkflowSpec(name="context", steps=(StepSpec("facts", agent="test.facts"), *steps))
    given = {"test.facts": lambda _task: _FACTS, "test.use": lambda task: task.handoff["facts"]}
    return run_workflow(spec, {}, agents=given | {f"test.{name}": act for name, act in agents.items()})


def _use(key: str = "use", **fields: Any) -> StepSpec:
    return StepSpec(key, agent="test.use", needs=("facts",), **fields)


def test_what_a_summary_lost_stands_in_its_row_its_receipt_and_its_bundle() -> None:
    done = _go(_use())
    row = Handoff.objects.get(run=done.run)

    assert row.loss is not None
    assert {name: row.loss[name] for name in ("leaves", "kept", "pinned", "numbers", "missing_numbers")} == {
        "leaves": 4, "kept": 1, "pinned": 0, "numbers": 2, "missing_numbers": 2,
    }  # fmt: skip
    assert (row.loss["identifiers"], row.loss["missing_identifiers"], row.loss["fell_back"]) == (1, 0, "")
    assert runs.verify(done.run.pk).fault is None
    file = runs.bundle(done.run.pk)
    assert verify_file(file).fault is None
    said = next(text for text in json.loads(file)["texts"].values() if "test.counting" in text)
    assert json.loads(said)[0][5:] == ["test.counting@1", row.loss_json]


def test_losses_that_were_changed_are_found() -> None:
    done = _go(_use())
    row = Handoff.objects.get(run=done.run)
    loss = json.dumps(json.loads(row.loss_json or "") | {"missing_numbers": 0})
    with history_rewritten():
        Handoff.objects.update(loss_json=loss)
    fault = runs.verify(done.run.pk).fault
    assert fault is not None
    assert "loss_json is not what original and summary say" in fault


def test_a_summary_that_was_made_anew_does_not_fit_its_receipt() -> None:
    done = _go(_use())
    row = Handoff.objects.get(run=done.run)
    said = json.loads(row.summary_json or "") | {"summary": "The lamp of order A-1042 is fine."}
    text = json.dumps(said, separators=(",", ":"), sort_keys=True)
    with history_rewritten():
        Handoff.objects.update(summary_json=text, digest=digest_text(text))
    fault = runs.verify(done.run.pk).fault
    assert fault is not None
    assert "received" in fault


def test_show_run_tells_what_was_lost() -> None:
    done = _go(_use())
    out = StringIO()
    call_command("show_run", str(done.run.pk), "--json", stdout=out)
    assert json.loads(out.getvalue())["handoffs"][0]["loss"]["missing_numbers"] == 2
    out = StringIO()
    call_command("show_run", str(done.run.pk), stdout=out)
    assert "1 of 4 values kept; 2 of 2 numbers missing" in " ".join(out.getvalue().split())


def test_what_is_pinned_is_handed_verbatim() -> None:
    done = _go(_use(pin={"facts": ["/order_id", "/amount", "/nothing"]}))
    assert done.outputs["use"]["pinned"] == {"/order_id": "A-1042", "/amount": 120}
    loss = Handoff.objects.get(run=done.run).loss
    assert loss is not None
    assert (loss["pinned"], loss["kept"], loss["missing_numbers"]) == (2, 2, 1)
    assert runs.verify(done.run.pk).fault is None


def test_a_step_whose_pins_alone_are_too_large_does_not_start() -> None:
    called: list[Task] = []
    done = _go(_use(pin={"facts": ["/order_id", "/text"]}), use=called.append)
    assert (done.held, called) == (["use"], [])
    assert "'/text' alone has 10001; pin less of it, or raise HANDOFF_TOKENS" in done.steps["use"].reason


def test_conditions_inputs_and_verifiers_read_what_was_lost() -> None:
    seen: list[Any] = []

    def judge(task: Task) -> Any:
        seen.append((task.input["summary"]["missing_numbers"], task.handoff["facts"]["pinned"]))
        return {"verdict": "PASS", "reasons": []}

    lost = "summary.missing_numbers == 0"
    done = _go(
        _use("strict", when=lost),
        _use("whole", when=lost, pin={"facts": ["/amount", "/days"]}, verify=Verify("test.judge")),
        StepSpec("told", agent="test.told", needs=("facts",), input={"lost": "summary.shortened"}),
        StepSpec("plain", agent="test.told", input={"lost": "summary.missing_numbers"}),
        judge=judge,
        told=lambda task: task.input,
    )
    assert (done.steps["strict"].skip_reason, done.steps["whole"].status) == ("condition_false", "succeeded")
    assert (done.outputs["told"], done.outputs["plain"]) == ({"lost": 1}, {"lost": 0})
    assert seen == [(0, {"/amount": 120, "/days": 14})]


def test_ten_receivers_a_retry_and_a_fork_pay_for_one_summary() -> None:
    def use(task: Task) -> Any:
        if (task.attempt, task.step_key) == (1, "use3"):
            raise TransientError("again")
        return task.handoff["facts"]

    steps = [_use(f"use{n}", retry=Retry(backoff_base_seconds=0, jitter_seconds=0)) for n in range(10)]
    done = _go(*steps, use=use)
    assert (done.status, len(_MADE), Summary.objects.count()) == ("succeeded", 1, 1)
    assert len({json.dumps(done.outputs[step.key]) for step in steps}) == 1

    fork = runs.fork(done.run.pk, from_step="use0")
    again = drive(fork.pk, agents={"test.facts": lambda _task: _FACTS, "test.use": use})
    assert (again.status, len(_MADE)) == ("succeeded", 1)
    assert runs.verify(fork.pk).fault is None


@pytest.mark.filterwarnings("ignore:open_binary is deprecated")  # of the tokenizer's package
def test_another_allowance_another_pin_and_another_tokenizer_are_another_summary(
    settings: LazySettings,
) -> None:
    _go(_use("a"), _use("b", pin={"facts": ["/amount"]}))
    assert len(_MADE) == 2
    settings.RINGMASTER = {**settings.RINGMASTER, "HANDOFF_TOKENS": 3_000}
    _go(_use())
    settings.RINGMASTER = {**settings.RINGMASTER, "TOKENIZER": "o200k_base"}
    _go(_use())
    assert (len(_MADE), Summary.objects.count()) == (4, 4)


def test_a_summary_that_invents_a_number_is_replaced_and_the_history_says_so() -> None:
    _TEXTS[:] = ["Order A-1042 over 125."]
    done = _go(_use("a"), _use("b"))
    assert (done.status, len(_MADE)) == ("succeeded", 1)
    assert "The lamp is broken." in done.outputs["a"]["summary"]
    told = Event.objects.filter(run=done.run, kind="summary_fell_back")
    assert [json.loads(line.data_json) for line in told] == [{"from": "facts", "why": "invented_numbers"}]
    assert runs.verify(done.run.pk).fault is None
    assert verify_file(runs.bundle(done.run.pk)).fault is None


def test_a_summariser_that_raises_stops_no_run(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER": f"{__name__}.nobody"}
    done = _go(_use())
    assert (done.status, Summary.objects.count()) == ("succeeded", 0)
    assert Event.objects.get(run=done.run, kind="summary_fell_back").data_json == (
        '{"from":"facts","why":"failed"}'
    )


def test_a_kept_summary_never_changes() -> None:
    _go(_use())
    with pytest.raises(IntegrityError, match="kept as they were written"), transaction.atomic():
        Summary.objects.update(text="")


def test_a_superseded_summary_keeps_its_losses_in_the_seal() -> None:
    def use(task: Task) -> Any:
        return Result.rework("facts", ["anew"]) if task.attempt == 1 else task.handoff["facts"]

    done = _go(_use(), use=use)
    assert (done.status, Handoff.objects.filter(run=done.run).count()) == ("succeeded", 2)
    assert runs.verify(done.run.pk).fault is None
    assert verify_file(runs.bundle(done.run.pk)).fault is None
