from pathlib import Path

import pytest

from examples.support.errors import DataError
from examples.support.intents import Example, known_intents, read_examples

LINE = '{"text": "hello", "intent": "greeting"}\n'


def test_lines_become_examples_and_blank_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(LINE * 5 + "\n" + LINE * 5)
    assert read_examples(path) == [Example("hello", "greeting")] * 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no example"),
        (LINE * 9, "intent 'greeting' has 9 texts; give at least 10"),
        (LINE + "{", r"x\.jsonl:2: not JSON"),
        (LINE + "[]", r"x\.jsonl:2: not an object"),
        ('{"text": "x"}', r"x\.jsonl:1: `intent` is missing"),
        ('{"text": " ", "intent": "x"}', r"x\.jsonl:1: `text` is missing"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_examples(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jsonl: can't be read"):
        read_examples(tmp_path / "gone.jsonl")


def test_out_of_scope_labels_are_no_intents() -> None:
    assert known_intents([Example("a", "oos"), Example("b", "other"), Example("c", "balance")]) == {"balance"}
