"""The engine's secrets are not in the environment that agents in a process of their own find."""

import os
import subprocess
import sys

import pytest

from config import env
from tests.processes import PROJECT_DIR

_HIDE = """
import os, sys
from pathlib import Path
from config import env, secrets
def shown():
    entries = Path(f"/proc/{os.getpid()}/environ").read_bytes().split(b"\\0")
    return {name.decode(): value.decode() for name, _, value in (entry.partition(b"=") for entry in entries)}
assert shown()["SECRET_KEY"] == "s" * 60
secrets.hide_from_neighbours()
print(shown().get("SECRET_KEY"), shown()["MODEL_KEY"], os.environ["SECRET_KEY"] == "s" * 60)
child = os.popen("echo $SECRET_KEY").read().strip()
secrets.hide_from_agents()
print(child == "s" * 60, "SECRET_KEY" in os.environ, os.popen("echo $SECRET_KEY $MODEL_KEY").read().strip())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows them")
def test_they_are_blanked_for_neighbours_and_gone_for_agents() -> None:
    said = subprocess.run(
        [sys.executable, "-c", _HIDE],
        env={**os.environ, "SECRET_KEY": "s" * 60, "MODEL_KEY": "theirs"},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.splitlines() == [" theirs True", "True False theirs"]


def test_an_installation_names_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGMASTER_SECRETS", "ACME_KEY, OTHER_KEY")
    assert {"ACME_KEY", "OTHER_KEY", "DATABASE_URL", "SECRET_KEY"} <= env.secret_names()


def test_what_is_forgotten_is_gone_for_children_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "secret")
    env.forget(frozenset({"ACME_KEY", "NEVER_SET"}))
    said = subprocess.run(["/bin/sh", "-c", "echo [$ACME_KEY]"], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
