"""The commands say what they did, and refuse by naming the argument and what to do next."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Min
from django.db.models.functions import Now

from agents import Result, Task, TransientError
from agents.invoke import override
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import ApiToken, Project, Run, Workflow
from orchestration.testing import drive, run_workflow
from tests.integration.orchestration.rig import AGENT

pytestmark = pytest.mark.django_db

SPEC = WorkflowSpec(
    name="demo",
    steps=(
        StepSpec("a", agent=AGENT, retry=Retry(backoff_base_seconds=0, jitter_seconds=0)),
        StepSpec("b", agent=AGENT, needs=("a",)),
    ),
    input_schema={"type": "object", "properties": {"n": {"type": "integer"}}},
)


def _act(task: Task) -> Any:
    if task.step_key == "a" and task.attempt == 1:
        raise TransientError("busy")
    return Result({"said": "left\u202eright"}, confidence=0.1 if task.run_input.get("hold") else None)


@pytest.fixture(autouse=True)
def _published() -> Any:
    with override({AGENT: _act}), mute_dispatch():
        runs.publish(SPEC)
        yield


def _call(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def _json(*words: str) -> Any:
    return json.loads(_call(*words, "--json")[0])


def test_start_run_prints_the_run_and_knows_it_again() -> None:
    out, err = _call("start_run", "demo", "--input", '{"n": 1}', "--key", "k")
    run = Run.objects.get()
    assert out.splitlines()[0] == str(run.pk)
    assert err.strip() == "1 new runs started, 0 were known already"
    told = _json("start_run", "demo", "--input", '{"n": 1}', "--key", "k")
    assert told == {
        "workflow": "demo",
        "runs": [{"id": str(run.pk), "idempotency_key": "k", "is_new": False}],
        "outcome": None,
    }
    assert Run.objects.count() == 1


def test_start_run_reads_a_file_and_knows_who_asked(tmp_path: Path) -> None:
    person = User.objects.create_user("anna")
    source = tmp_path / "input.json"
    source.write_text('{"n": 7}', encoding="utf-8")
    _call("start_run", "demo", "--input", f"@{source}", "--as", "anna")
    run = Run.objects.get()
    assert (run.input, run.requested_by) == ({"n": 7}, person)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("absent",), "NAME: no workflow 'absent' is published; run `manage.py publish_workflows`"),
        (("demo", "--input", "{"), "--input: no valid JSON at line 1, column 2"),
        (("demo", "--input", "@/no/such/file"), "--input: can't read /no/such/file: No such file"),
        (("demo", "--input", '{"n": "x"}'), '--input: input/n: "x" is not of type "integer"'),
        (("demo", "--input", "[]"), "--input: input: must be a JSON object"),
        (("demo", "--as", "nobody"), "--as: there is no user 'nobody'"),
        (("demo", "--key", "used"), "--key: idempotency_key 'used' was used for run"),
        (("demo", "--key", "x" * 201), "--key: must be 1 to 200 printable characters"),
        (("demo", "--key", " a "), "--key: must not begin or end with a blank"),
        (("demo", "--wait", "--timeout", "-1"), "--timeout: give a number of seconds from 0, not '-1'"),
        (("demo", "--wait", "--timeout", "nan"), "--timeout: give a number of seconds from 0, not 'nan'"),
        (("demo", "--wait", "--timeout", "inf"), "--timeout: give a number of seconds from 0, not 'inf'"),
        (("demo", "--each", "/no/such/file"), "--each: can't read /no/such/file: No such file"),
        (("demo", "--each", "x", "--input", "{}"), "not allowed with argument"),
    ],
)
def test_start_run_refuses_by_the_arguments_name(words: tuple[str, ...], message: str) -> None:
    before = runs.start("demo", {"n": 1}, idempotency_key="used")
    with pytest.raises(CommandError) as refused:
        _call("start_run", *words)
    assert message in str(refused.value)
    assert list(Run.objects.all()) == [before]


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return tmp_path / "messages.jsonl"


@pytest.mark.parametrize(("one", "other"), [("1", "true"), ("0", "false"), ("[1]", "[true]")])
def test_lines_of_one_id_are_compared_as_json(tmp_path: Path, one: str, other: str) -> None:
    feed = tmp_path / "lines.jsonl"
    feed.write_text(f'{{"id": "x", "m": {one}}}\n{{"m": {one}, "id": "x"}}\n{{"id": "x", "m": {other}}}\n')
    with pytest.raises(CommandError, match="line 3: another line with other content has the key"):
        _call("start_run", "demo", "--each", str(feed))
    assert not Run.objects.exists()


def test_each_line_starts_one_run_and_feeding_again_none(feed: Path) -> None:
    feed.write_text(
        '\ufeff{"message_id": "m1", "n": 1}\n\n{"id": 7}\r\n{"n": 2, "t": "\u2028"}\n', encoding="utf-8"
    )
    _, err = _call("start_run", "demo", "--each", str(feed))
    assert err.strip() == "3 new runs started, 0 were known already"
    keys = ["messages.jsonl:m1", "messages.jsonl:7", "messages.jsonl:4"]
    in_order = Run.objects.annotate(first=Min("steps")).order_by("first")
    assert [run.idempotency_key for run in in_order] == keys

    feed.write_text(feed.read_text(encoding="utf-8") + '{"id": 8}\n', encoding="utf-8")
    told = _json("start_run", "demo", "--each", str(feed))
    assert [run["is_new"] for run in told["runs"]] == [False, False, False, True]
    assert Run.objects.count() == 4

    _, err = _call("start_run", "demo", "--each", str(feed), "--key", "second")
    assert err.strip() == "4 new runs started, 0 were known already"


def test_a_feed_with_bad_lines_starts_nothing_and_names_them_all(feed: Path) -> None:
    lines = ['{"id": 1}', "{", "[1]", '{"n": "x"}', '{"id": 1, "n": 2}', '{"id": 1}']
    feed.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CommandError) as refused:
        _call("start_run", "demo", "--each", str(feed))
    assert str(refused.value).splitlines() == [
        "--each: nothing was started; 4 lines can't be:",
        f"{feed}, line 2: no valid JSON at line 1, column 2: Expecting property name enclosed in double quotes",
        f"{feed}, line 3: input: must be a JSON object",
        f'{feed}, line 4: input/n: "x" is not of type "integer"',
        f"{feed}, line 5: another line with other content has the key 'messages.jsonl:1'",
    ]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "has no lines"), (b"{}\n\xff\n", "no UTF-8 text (byte 3, in line 2)")]
)
def test_a_feed_that_can_not_be_read_is_refused(feed: Path, content: bytes, message: str) -> None:
    feed.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        _call("start_run", "demo", "--each", str(feed))
    assert message in str(refused.value)


def test_a_feed_names_what_other_readers_would_take_in_silence(feed: Path) -> None:
    lines = [
        '\ufeff{"id": 1}',
        '{"n": 1, "n": 2}',
        f'{{"n": {"9" * 5000}}}',
        '{"n": [NaN]}',
        '{"n": "\\u0000"}',
    ]
    feed.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CommandError) as refused:
        _call("start_run", "demo", "--each", str(feed))
    assert [line.removeprefix(f"{feed}, ") for line in str(refused.value).splitlines()] == [
        "--each: nothing was started; 4 lines can't be:",
        "line 2: at /n: this name stands twice in one object; keep one of them",
        "line 3: at /n: a number of 2^53 or more is not kept exactly by every JSON reader; write it as text",
        "line 4: at /n/0: NaN is not JSON; write null, or leave the value out",
        "line 5: at /n: holds a NUL character, which the database cannot store; remove it",
    ]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('{"n": 1, "n": 2}', "--input: at /n: this name stands twice in one object"),
        (f'{{"n": {"9" * 5000}}}', "--input: at /n: a number of 2^53 or more"),
        ('{"n": -Infinity}', "--input: at /n: -Infinity is not JSON"),
        ("[" * 100_000, "--input: nested deeper than 32 levels"),
        ("@/no/such\0file", "--input: can't read /no/such\0file: embedded null byte"),
    ],
    ids=["doubled", "long", "infinite", "deep", "NUL in a path"],
)
def test_an_input_that_can_not_be_kept_is_refused(given: str, message: str) -> None:
    with pytest.raises(CommandError) as refused:
        _call("start_run", "demo", "--input", given)
    assert str(refused.value).startswith(message)
    assert not Run.objects.exists()


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("source", ["file", "standard input"])
def test_an_input_is_utf_8_with_or_without_its_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes, source: str
) -> None:
    file = tmp_path / "input.json"
    file.write_bytes(before + '{"n": 1, "who": "Größe"}'.encode())
    with file.open(encoding="ascii") as stream:  # a terminal that knows no umlauts
        monkeypatch.setattr("sys.stdin", stream)
        _call("start_run", "demo", "--input", f"@{file}" if source == "file" else "-")
    assert Run.objects.get().input == {"n": 1, "who": "Größe"}


@pytest.mark.parametrize(
    ("stream", "message"),
    [(None, "standard input is closed; give JSON, or @FILE"), (StringIO(), "standard input is empty")],
    ids=["closed", "empty"],
)
def test_standard_input_without_anything_in_it_is_named(
    monkeypatch: pytest.MonkeyPatch, stream: StringIO | None, message: str
) -> None:
    monkeypatch.setattr("sys.stdin", stream)
    with pytest.raises(CommandError, match=f"--input: {message}"):
        _call("start_run", "demo", "--input", "-")


def test_waiting_tells_what_came_of_the_runs(feed: Path) -> None:
    feed.write_text('{"id": 1, "hold": true}\n{"id": 2}\n', encoding="utf-8")
    _call("start_run", "demo", "--each", str(feed))
    for run in Run.objects.all():
        drive(run.pk)
    told = _json("start_run", "demo", "--each", str(feed), "--wait")
    assert told["outcome"]["states"] == {
        "running": 0,
        "paused": 0,
        "compensating": 0,
        "waiting": 1,
        "succeeded": 1,
        "failed": 0,
        "cancelled": 0,
    }
    assert told["outcome"]["steps"] == 0  # they were performed before this command began
    out, _ = _call("start_run", "demo", "--each", str(feed), "--wait")
    assert out.startswith("1 waiting for people, 1 succeeded; 0 steps in ")


def test_waiting_has_an_end() -> None:
    with pytest.raises(CommandError, match="--timeout: 1 runs are still running after 0 s and go on"):
        _call("start_run", "demo", "--wait", "--timeout", "0")
    assert Run.objects.count() == 1


def test_waiting_for_a_failed_run_is_a_failure() -> None:
    only = StepSpec("a", agent=AGENT, on_failure="abort", retry=Retry(max_attempts=1))
    abort = WorkflowSpec(name="bad", steps=(only,))
    run_workflow(abort, {}, idempotency_key="k")
    with pytest.raises(CommandError, match="not every run succeeded"):
        _call("start_run", "bad", "--key", "k", "--wait")


def test_list_runs_derives_who_waits_for_people() -> None:
    held, done = (run_workflow("demo", value).run for value in ({"hold": True}, {}))
    going = runs.start("demo", {})
    for hours, run in ((2, held), (1, done)):
        Run.objects.filter(pk=run.pk).update(created_at=Now() - timedelta(hours=hours))
    assert {row["id"]: row["state"] for row in _json("list_runs")} == {
        str(held.pk): "waiting",
        str(done.pk): "succeeded",
        str(going.pk): "running",
    }
    for state, run in (("waiting", held), ("succeeded", done), ("running", going)):
        assert [row["id"] for row in _json("list_runs", "--status", state)] == [str(run.pk)]
    assert _json("list_runs", "--status", "failed") == []
    assert [row["id"] for row in _json("list_runs", "--limit", "1")] == [str(going.pk)]
    assert [row["steps_done"] for row in _json("list_runs", "--workflow", "demo")] == [0, 2, 0]
    assert _call("list_runs")[0].splitlines()[0].split() == [
        "ID", "STATE", "WORKFLOW", "STEPS", "CREATED", "(UTC)", "KEY", "REASON",
    ]  # fmt: skip


def test_list_runs_names_the_step_that_failed_or_is_held() -> None:
    only = StepSpec("a", agent=AGENT, on_failure="abort", retry=Retry(max_attempts=1))
    run_workflow(WorkflowSpec(name="bad", steps=(only,)), {})
    run_workflow("demo", {"hold": True})
    run_workflow("demo", {})
    told = {row["state"]: (row["reason_step"], row["reason"]) for row in _json("list_runs")}
    lines = _call("list_runs")[0]
    assert told["succeeded"] == ("", "")
    for state in ("failed", "waiting"):
        step, reason = told[state]
        assert (step, bool(reason)) == ("a", True)
        assert f"{step}: {reason}"[:60] in lines


def test_a_join_before_which_all_is_done_does_not_wait_for_people() -> None:
    """A done step keeps its mark until its join is released; a held branch beside it makes the run wait."""
    spec = WorkflowSpec(
        name="fan",
        steps=(
            StepSpec("sure", agent=AGENT, after=()),
            StepSpec("unsure", agent=AGENT, min_confidence=0.9),
            StepSpec("join", agent=AGENT, needs=("sure", "unsure")),
        ),
    )
    held = run_workflow(spec, {})
    assert held.steps["sure"].unreleased
    assert [row["state"] for row in _json("list_runs", "--workflow", "fan")] == ["waiting"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--limit", "0"), "--limit: must be 1 to 1000, this is 0"),
        (("--limit", "1001"), "--limit: must be 1 to 1000"),
        (("--workflow", "absent"), "--workflow: no workflow 'absent' is published"),
        (("--status", "asleep"), "argument --status: invalid choice: 'asleep'"),
    ],
)
def test_list_runs_refuses(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError) as refused:
        _call("list_runs", *words)
    assert message in str(refused.value)


def test_show_run_tells_the_whole_story_in_order() -> None:
    run = run_workflow("demo", {"n": 1}).run
    told = _json("show_run", str(run.pk)[:8])
    assert (told["id"], told["state"], told["input"]) == (str(run.pk), "succeeded", {"n": 1})
    a, b = told["steps"]
    assert [
        (t["number"], t["outcome"], t["decision"]["kind"], t["decision"]["rule"]) for t in a["attempts"]
    ] == [
        (1, "failed", "retry", "transient_retry"),
        (2, "answered", "accept", "no_confidence_asked"),
    ]
    assert a["attempts"][0]["error_message"] == "busy"
    assert a["attempts"][0]["task_id"].startswith(str(run.pk))
    assert (b["needs"], b["output"]) == (["a"], {"said": "left\u202eright"})
    handoff = told["handoffs"][0]
    assert (handoff["from"], handoff["to"], handoff["digest"]) == ("a", "b", a["output_digest"])
    assert [event["kind"] for event in told["events"]] == [
        "run_started",
        "step_claimed",
        "step_retryable",
        "step_woken",
        "step_claimed",
        "step_succeeded",
        "step_claimed",
        "step_succeeded",
        "run_closed",
    ]
    assert told["next"] == f"nothing to do; `manage.py verify_run {run.pk}` proves what is shown here"


def test_show_run_in_words_names_what_to_do_next() -> None:
    run = run_workflow("demo", {"hold": True}).run
    out, _ = _call("show_run", str(run.pk))
    for title in ("PLAN", "ATTEMPTS", "EVENTS"):
        assert f"\n{title}\n" in out
    assert out.strip().endswith(
        "next: a held for a person, only people can move it: `manage.py list_tickets`"
    )


def test_model_output_can_not_steer_the_terminal() -> None:
    run = runs.start("demo", {"t": "\u202e\x1b[31mred"})
    out, _ = _call("show_run", str(run.pk))
    assert "\u202e" not in out
    assert "\x1b" not in out
    assert "\\u202e" in out


@pytest.mark.parametrize("command", ["show_run", "verify_run"])
@pytest.mark.parametrize(
    ("beginning", "message"),
    [
        ("abc", "ID: 'abc' is no beginning of a run's id: 4 to 32 hexadecimal digits"),
        ("zzzz", "ID: 'zzzz' is no beginning of a run's id"),
        ("0" * 32, "ID: no run's id begins with"),
    ],
)
def test_an_unknown_run_is_refused(command: str, beginning: str, message: str) -> None:
    with pytest.raises(CommandError) as refused:
        _call(command, beginning)
    assert message in str(refused.value)
    assert "manage.py list_runs" in str(refused.value)


def test_a_beginning_that_two_runs_have_is_refused() -> None:
    version = Workflow.objects.get(name="demo")
    common = {"project": version.project, "workflow": version, "workflow_name": "demo", "input_json": "{}"}
    for last in "12":
        run_id = f"abcd0000-0000-0000-0000-00000000000{last}"
        Run.objects.create(id=run_id, root_id=run_id, input_digest="", **common)
    with pytest.raises(CommandError, match="several runs' ids begin with 'ABCD'"):
        _call("show_run", "ABCD")
    with pytest.raises(CommandError, match="does not hold: run: input_json does not match its digest"):
        _call("verify_run", "abcd0000-0000-0000-0000-000000000001")


def test_verify_run_says_what_holds() -> None:
    run = run_workflow("demo", {}).run
    out, _ = _call("verify_run", str(run.pk))
    assert out.startswith(f"run {run.pk} holds: ")
    assert out.strip().endswith("its round is sealed and signed")
    assert _json("verify_run", str(run.pk)) == {
        "run": str(run.pk),
        "holds": True,
        "fault": None,
        "receipts": 2,
        "handoffs": 1,
        "is_sealed": True,
    }


def test_verify_run_fails_with_the_fault_and_still_prints_json() -> None:
    run = run_workflow("demo", {}).run
    run.steps.filter(key="a").update(output_json="{}")
    out = StringIO()
    with pytest.raises(CommandError, match="step 'a': output_json does not match its digest"):
        call_command("verify_run", str(run.pk), "--json", stdout=out)
    assert json.loads(out.getvalue())["holds"] is False


@pytest.mark.parametrize("slug", ["No Such!", "x" * 101, ""])
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_project_that_no_address_could_name_is_not_made(slug: str, more: tuple[str, ...]) -> None:
    before = set(Project.objects.values_list("slug", flat=True))
    with pytest.raises(CommandError, match="project: a slug has 1 to 100 letters"):
        _call("publish_workflows", "--project", slug, *more)
    assert set(Project.objects.values_list("slug", flat=True)) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--name", "x" * 101), "--name: 1 to 100 characters, these are 101"),
        (("--name", ""), "--name: 1 to 100 characters, these are 0"),
        (("--days", "366"), "--days: 1 to 365, this is 366"),
    ],
)
def test_a_token_that_can_not_be_made_is_refused_by_the_arguments_name(
    words: tuple[str, ...], message: str
) -> None:
    User.objects.create_user("tim")
    with pytest.raises(CommandError, match=message):
        _call("create_token", "tim", *words)
    assert not ApiToken.objects.exists()


def test_publishing_can_be_tried_first() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ringmaster.retention = 'on'")
    Workflow.objects.exclude(name="demo").delete()
    tried = _json("publish_workflows", "--dry-run")
    assert {(item["version"], item["is_new"]) for item in tried} == {(1, True)}
    assert list(Workflow.objects.values_list("name", flat=True)) == ["demo"]
    published = _json("publish_workflows")
    assert [{**item, **more} for item, more in zip(published, tried, strict=True)] == tried
    assert {item["is_new"] for item in _json("publish_workflows")} == {False}
    out, _ = _call("publish_workflows")
    assert "support-reply v1: unchanged" in out
