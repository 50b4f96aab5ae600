"""A command meets its terminal as it is: any encoding, a pipe that closes, streams that are not there."""

import subprocess
import sys

import pytest

from config.errors import ConfigError
from config.streams import read_words
from tests.processes import PROJECT_DIR

_WRITE = "import sys; from config.streams import guarded_streams\nwith guarded_streams():\n    "


def _shell(code: str, around: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run code under the guard, with its streams bent as the shell says; `$run` is the program."""
    told = {"run": f"{sys.executable} -c '{_WRITE}{code}'", "PATH": "/usr/bin:/bin", **environment}
    line = f"set -o pipefail; {around.replace('$run', told['run'])}"
    return subprocess.run(
        ["/bin/bash", "-c", line], cwd=PROJECT_DIR, env=told, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["latin-1", "ascii", "C"],
)
def test_what_a_terminal_can_t_show_is_written_as_its_number(environment: dict[str, str]) -> None:
    answer = _shell('print("a \\u2192 b"); print("\\u65e5", file=sys.stderr)', "$run", **environment)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "a \\u2192 b\n", "\\u65e5\n")


def test_what_would_turn_or_hide_text_is_spelled_out() -> None:
    answer = _shell(
        'print("left\\u202eright \\U0001f642"); print("\\u200b", file=sys.stderr)', "$run", PYTHONUTF8="1"
    )
    assert (answer.stdout, answer.stderr) == ("left[U+202E]right \U0001f642\n", "[U+200B]\n")


@pytest.mark.parametrize("code", ['print("x\\n" * 200_000)', 'print("x")'], ids=["much", "little"])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(code: str) -> None:
    answer = _shell(f"import time; time.sleep(0.2); {code}", "$run | true")
    assert (answer.returncode, answer.stderr) == (141, "")


def test_a_full_disk_is_one_line() -> None:
    answer = _shell('print("x")', "$run > /dev/full")
    assert answer.returncode == 1
    assert answer.stderr.startswith("No space left on device: not all of the output was written.")
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("around", ["$run >&-", "$run 2>&-", "$run <&-", "$run >&- 2>&- <&-"])
def test_closed_streams_are_no_fault(around: str) -> None:
    answer = _shell('print("x"); print("y", file=sys.stderr)', around)
    assert answer.returncode == 0
    assert answer.stdout == ("" if ">&- " in f"{around.replace('2>&-', '')} " else "x\n")


def test_nothing_of_ours_takes_the_number_of_a_closed_stream() -> None:
    answer = _shell('assert open("README.md").fileno() > 2', "$run >&- 2>&- <&-")
    assert answer.returncode == 0


def test_ctrl_c_is_no_traceback() -> None:
    answer = _shell("raise KeyboardInterrupt", "$run")
    assert (answer.returncode, answer.stderr) == (130, "")


def test_a_command_s_own_failure_keeps_its_number() -> None:
    answer = _shell('sys.exit("no such run")', "$run")
    assert (answer.returncode, answer.stderr) == (1, "no such run\n")


def test_words_are_utf_8_whatever_the_terminal_says() -> None:
    in_ascii = "Größe→".encode().decode("ascii", "surrogateescape")
    assert read_words(["manage.py", in_ascii, "Größe"]) == ["manage.py", "Größe→", "Größe"]


def test_a_word_that_is_no_text_is_named() -> None:
    with pytest.raises(ConfigError, match=r"argument 1 \('\\udcff'\) is no UTF-8 text"):
        read_words(["manage.py", "\udcff"])
