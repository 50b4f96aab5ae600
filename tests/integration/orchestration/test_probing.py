"""What is known of verifiers: from what people decided on outputs they had judged, and from trials."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from agents import PermanentError, Task
from agents.invoke import override
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.conf import get_conf
from orchestration.domain.states import ResolutionKind
from orchestration.domain.verdicts import Score
from orchestration.models import Step, VerifierTrial
from orchestration.ports import load_escalator
from orchestration.runs.probe import read_cases
from orchestration.selectors.verifiers import list_verifier_records
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

GATED = WorkflowSpec(
    name="gated",
    steps=(
        StepSpec("draft", agent="test.draft", verify=Verify(["test.strict", "test.lax"], max_revisions=0)),
    ),
)
AGENTS: dict[str, Any] = {
    "test.draft": lambda task: f"draft, {task.feedback}",
    "test.strict": lambda _: {"verdict": "FAIL", "reasons": ["too long"]},
    "test.lax": lambda _: {"verdict": "PASS"},
}


def _hold() -> FinishedRun:
    done = run_workflow(GATED, {}, agents=AGENTS)
    assert done.held == ["draft"]
    return done


def _resolve(done: FinishedRun, kind: ResolutionKind, **more: Any) -> None:
    runs.resolve_step(done.steps["draft"].pk, kind=kind, actor="ada", resolution_id="1", **more)


@pytest.mark.parametrize(
    ("kind", "more", "strict", "lax"),
    [
        (ResolutionKind.APPROVE, {}, Score(good_failed=1), Score(good_passed=1)),
        (ResolutionKind.EDIT, {"output": "short"}, Score(bad_failed=1), Score(bad_passed=1)),
        (ResolutionKind.SEND_BACK, {"feedback": "shorter"}, Score(bad_failed=1), Score(bad_passed=1)),
        (ResolutionKind.SKIP, {}, Score(), Score()),
        (ResolutionKind.ABORT, {}, Score(), Score()),
    ],
)
def test_people_show_what_a_verdict_was_worth(
    kind: ResolutionKind, more: dict[str, Any], strict: Score, lax: Score
) -> None:
    _resolve(_hold(), kind, **more)
    records = {record.agent: record for record in list_verifier_records()}
    assert (records["test.strict"].by_people, records["test.lax"].by_people) == (strict, lax)
    assert (records["test.strict"].asked, records["test.strict"].passed) == (1, 0)
    assert (records["test.lax"].asked, records["test.lax"].passed) == (1, 1)


def test_each_output_is_judged_by_what_was_decided_on_it() -> None:
    """Which came first is read from the history: here the clock stepped back after each verdict."""
    done = _hold()
    _put_verdicts_ahead()
    load_escalator(get_conf().ESCALATOR).withdraw_tickets(
        [done.steps["draft"].pk], "as a resolution closes it"
    )
    _resolve(done, ResolutionKind.SEND_BACK, feedback="shorter")
    again = drive(done.run.pk, agents=AGENTS)
    assert (again.held, again.steps["draft"].proposed) == (["draft"], "draft, shorter")
    _put_verdicts_ahead()
    _resolve(again, ResolutionKind.APPROVE)

    [record] = list_verifier_records("test.strict")
    assert record.by_people == Score(good_failed=1, bad_failed=1)
    assert (record.by_people.false_fail_rate, record.by_people.false_pass_rate) == (1.0, 0.0)


def _put_verdicts_ahead() -> None:
    Step.objects.filter(kind="verifier").update(finished_at=F("finished_at") + timedelta(hours=1))


def _judge(task: Task) -> object:
    match task.input["output"]:
        case "crash":
            raise PermanentError("no idea")
        case "mumble":
            return "well"
        case text:
            assert task.handoff == {"facts": [1]}
            return {"verdict": "PASS" if "please" in text else "FAIL", "reasons": [f"about {text}"]}


CASES = [
    {"output": "please come", "expected": "PASS", "handoff": {"facts": [1]}},
    {"output": "come", "expected": "FAIL", "handoff": {"facts": [1]}, "instructions": {"tone": "kind"}},
    {"output": "please go away", "expected": "FAIL", "handoff": {"facts": [1]}},
    {"output": "crash", "expected": "PASS"},
    {"output": "mumble", "expected": "FAIL"},
]


def _write(tmp_path: Path, *lines: object) -> str:
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return str(file)


def _probe(*arguments: str) -> str:
    out = StringIO()
    with override({"test.judge": _judge}):
        call_command("probe_verifier", *arguments, stdout=out)
    return out.getvalue()


def test_trials_with_known_answers_are_kept_and_counted(tmp_path: Path) -> None:
    said = json.loads(_probe("test.judge", "--cases", _write(tmp_path, *CASES), "--json"))

    assert [answer["said"] for answer in said["answers"]] == ["PASS", "FAIL", "PASS", "FAIL", "FAIL"]
    assert [answer["is_right"] for answer in said["answers"]] == [True, True, False, False, True]
    assert said["answers"][3]["reasons"] == ["it failed: no idea"]
    [record] = said["verifiers"]
    assert record["by_trials"] == {
        "good_passed": 1,
        "good_failed": 1,
        "bad_passed": 1,
        "bad_failed": 2,
        "false_pass_rate": 1 / 3,
        "false_fail_rate": 1 / 2,
    }
    assert record["by_people"]["false_pass_rate"] is None
    assert VerifierTrial.objects.count() == 5
    assert VerifierTrial.objects.values("case_digest").distinct().count() == 5


def test_the_table_shows_what_was_wrong_and_both_rates(tmp_path: Path) -> None:
    text = _probe("test.judge", "--cases", _write(tmp_path, *CASES))
    assert "3 of 5 cases as expected." in text
    assert 'case 3: said PASS, expected FAIL: "please go away" (about please go away)' in text
    assert [line.split() for line in text.splitlines()[-1:]] == [
        ["test.judge", "trials", "2", "1", "33%", "1", "1", "50%"]
    ]


def test_without_cases_the_record_is_shown() -> None:
    _resolve(_hold(), ResolutionKind.APPROVE)
    lines = [line.split() for line in _probe().splitlines()]
    assert ["test.strict", "people", "0", "0", "-", "0", "1", "100%"] in lines
    assert ["test.lax", "people", "0", "0", "-", "1", "0", "0%"] in lines
    assert "No verdict is known yet." in _probe("test.judge")


def test_an_agent_that_does_more_than_judge_is_not_tried(tmp_path: Path) -> None:
    with pytest.raises(
        CommandError, match=r"'mail\.outbox' is no verifier, it sends an e-mail to the customer"
    ):
        _probe("mail.outbox", "--cases", _write(tmp_path, CASES[0]))
    assert not VerifierTrial.objects.exists()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("{", "line 1: no valid JSON at line 1, column 2"),
        ('\n{"output": 1}', "line 2: expected: Field required"),
        ('{"output": 1, "expected": "pass"}', "line 1: expected: "),
        ('{"output": 1, "expected": "PASS", "handof": {}}', "line 1: handof: "),
        ('{"output": 1, "expected": "PASS", "handoff": []}', "line 1: handoff: "),
        ("[]", "line 1: case: "),
        ("\n \n", "there is no case"),
        ('{"output": {"a": "\\u0000"}, "expected": "FAIL"}', "line 1: at /output/a: holds a NUL character"),
        ('{"output": "\\ud800", "expected": "FAIL"}', "line 1: at /output: holds a lone surrogate"),
        ('{"output": 1, "instructions": NaN, "expected": "FAIL"}', "line 1: at /instructions: NaN"),
        (
            '{"output": 1, "expected": "FAIL", "handoff": {"a": 9007199254740993}}',
            "line 1: at /handoff/a: a number",
        ),
    ],
)
def test_a_wrong_case_is_refused_by_line_and_field(line: str, word: str, tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(CommandError, match=f"--cases: {word}"):
        _probe("test.judge", "--cases", str(file))
    assert not VerifierTrial.objects.exists()


def test_whom_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="unknown agent"):
        _probe("test.nobody", "--cases", _write(tmp_path, CASES[0]))
    with pytest.raises(CommandError, match="NAME: unknown agent"):
        _probe("test.nobody")
    with pytest.raises(CommandError, match="NAME: say which"):
        _probe("--cases", _write(tmp_path, CASES[0]))


def test_empty_lines_are_passed_over() -> None:
    assert len(read_cases('\n{"output": 1, "expected": "PASS"}\n\n')) == 1


def _keep_trial(version: int, case: str, said: str, *, expected: str = "FAIL") -> None:
    VerifierTrial.objects.create(
        agent="test.judge", agent_version=version, case_digest=case * 64, expected=expected, said=said
    )


def test_trials_count_for_the_latest_version_and_each_case_once() -> None:
    _keep_trial(1, "a", "PASS")
    _keep_trial(1, "b", "PASS")
    assert list_verifier_records("test.judge")[0].by_trials == Score(bad_passed=2)

    _keep_trial(2, "a", "PASS")
    _keep_trial(2, "b", "FAIL")
    _keep_trial(2, "c", "PASS", expected="PASS")
    _keep_trial(2, "a", "FAIL")

    assert list_verifier_records("test.judge")[0].by_trials == Score(bad_failed=2, good_passed=1)
