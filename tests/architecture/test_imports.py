"""Imports run downwards only: the contracts of .importlinter hold, and they do see a violation."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import PRODUCT_ROOMS, PROJECT_DIR

_LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_contracts_hold() -> None:
    answer = _lint(PROJECT_DIR)
    assert answer.returncode == 0, answer.stdout


def test_an_upward_import_and_a_stray_module_fail(tmp_path: Path) -> None:
    for room in PRODUCT_ROOMS:
        shutil.copytree(PROJECT_DIR / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT_DIR / ".importlinter", tmp_path)
    errors = tmp_path / "agents" / "errors.py"
    errors.write_text(f"{errors.read_text()}\nimport orchestration.runs\n")
    (tmp_path / "escalation" / "helpers.py").write_text("")

    answer = _lint(tmp_path)

    assert answer.returncode == 1
    assert "agents.errors" in answer.stdout
    assert "escalation.helpers" in answer.stdout
