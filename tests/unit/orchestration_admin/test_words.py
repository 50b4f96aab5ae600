from datetime import timedelta
from uuid import UUID

import pytest

from orchestration.admin.addresses import read_run_prefix, read_task_id
from orchestration.admin.visible import mark_unseen, show_json, show_short
from orchestration.admin.words import describe_duration, describe_run
from orchestration.domain.policy.rules import describe_decision, describe_rule
from orchestration.domain.states import DecisionKind

RUN = "0b1c2d3e-4f50-4172-8394-a5b6c7d8e9f0"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "<1 ms"),
        (0.0004, "<1 ms"),
        (0.0234, "23 ms"),
        (0.9996, "1.0 s"),
        (4.24, "4.2 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7259, "2 h"),
        (86_400 * 2 + 3600 * 4 + 5, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert describe_duration(timedelta(seconds=seconds)) == words


def test_rules_in_words() -> None:
    assert describe_rule("low_confidence") == "the agent is not confident enough"
    assert describe_rule("bad_input_not_critical") == (
        "the agent refused its input; a retry can't help, and the step is not critical"
    )
    assert describe_rule("a_rule_of_tomorrow") == "a rule of tomorrow"


@pytest.mark.parametrize("kind", list(DecisionKind))
def test_every_decision_has_words(kind: DecisionKind) -> None:
    assert describe_decision(kind, "confident").endswith(": the agent is confident enough")


@pytest.mark.parametrize(
    ("state", "counts", "sentence"),
    [
        ("succeeded", {"succeeded": 1}, "Succeeded in 4 s: 1 step done."),
        ("failed", {"succeeded": 1, "failed": 1}, "Failed after 4 s, with 1 of 2 steps done."),
        ("cancelled", {"cancelled": 2}, "Cancelled after 4 s, with 0 of 2 steps done."),
        ("waiting", {"skipped": 1, "held": 2}, "Waiting for people: 1 of 3 steps done, 2 held."),
        (
            "running",
            {"succeeded": 998, "running": 2, "available": 1, "pending": 9},
            "Running for 4 s: 998 of 1,010 steps done, 2 running, 1 waiting for a worker.",
        ),
    ],
)
def test_how_a_run_stands(state: str, counts: dict[str, int], sentence: str) -> None:
    assert describe_run(state, counts, "4 s") == sentence


def test_task_ids() -> None:
    task = read_task_id(f"  {RUN.upper()}.17.2\n")
    assert task is not None
    assert (task.run_id, task.step_id) == (UUID(RUN), 17)


@pytest.mark.parametrize(
    "text", ["", RUN, f"{RUN}.17", f"{RUN}.x.1", f"x{RUN}.1.1", f"{RUN}.{'9' * 19}.1", f"{RUN}.\u0661.1"]
)
def test_what_is_no_task_id(text: str) -> None:
    assert read_task_id(text) is None


def test_beginnings_of_run_ids() -> None:
    assert read_run_prefix(" 0B1C2D3E-4f ") == (
        UUID("0b1c2d3e-4f00-0000-0000-000000000000"),
        UUID("0b1c2d3e-4fff-ffff-ffff-ffffffffffff"),
    )
    assert read_run_prefix(RUN) == (UUID(RUN), UUID(RUN))


@pytest.mark.parametrize("text", ["", "0b1", "mail-17", RUN + "0", "\u0660\u0661\u0662\u0663\u0664"])
def test_what_no_run_id_begins_with(text: str) -> None:
    assert read_run_prefix(text) is None


@pytest.mark.parametrize(
    "character", list("\u202e\u2066\u200b\u200d\ufeff\u00ad\u3164\u2800\x00\x1b\r\ufe01\U000e0041")
)
def test_unseen_characters_are_spelled_out(character: str) -> None:
    assert mark_unseen(f"a{character}b") == f'a<span class="rm-unseen">[U+{ord(character):04X}]</span>b'


@pytest.mark.parametrize("text", ["plain", "two\n\tlines", "Zoë, ещё, 日本, 🎪\ufe0f"])
def test_seen_characters_stay(text: str) -> None:
    assert mark_unseen(text) == text


def test_markup_is_escaped() -> None:
    assert mark_unseen("<b>&\n") == "&lt;b&gt;&amp;\n"
    assert show_json('{"a":"</pre><i>"}') == "{\n  &quot;a&quot;: &quot;&lt;/pre&gt;&lt;i&gt;&quot;\n}"


def test_long_json_is_cut_and_says_how_much_is_missing() -> None:
    shown = show_json('"' + "x" * 100_010 + '"')
    assert shown.endswith("\n… and 12 more characters")


def test_objects_on_one_line() -> None:
    assert show_short({"by": "ada", "n": 2, "x": {"y": None}}) == 'by: ada, n: 2, x: {"y": null}'
    assert show_short([1]) == "[1]"
