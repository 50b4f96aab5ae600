"""The command line while the database is away: one line that says what to do, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import PROJECT_DIR


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me:geheim@127.0.0.1:1/x", "start the server that DATABASE_URL names, or correct"),
        ("", "There is no database: start the embedded servers with `manage.py services start`"),
    ],
)
def test_a_database_that_is_away_is_one_line(tmp_path: Path, url: str, told: str) -> None:
    environment = {**os.environ, "RINGMASTER_STATE_DIR": str(tmp_path), "DATABASE_URL": url}

    answer = subprocess.run(
        [sys.executable, "manage.py", "list_runs"],
        cwd=PROJECT_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (answer.returncode, answer.stdout) == (1, "")
    [line] = answer.stderr.splitlines()
    assert told in line
    assert line.endswith("Connection refused)")
    assert "geheim" not in line
