import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from agents.domain.catalogue import catalogue
from agents.selectors import find_contract, known_names

AGENTS = '''
from agents import agent

@agent("test.found", timeout_seconds=2.5, queue="isolated", version=3, effects=["sends e-mail", "bills"],
       reversible=False, input_schema={"type": "object"})
def found(task):
    """Find what was lost."""
    return 1
'''


def write_app(folder: Path, name: str, source: str | None) -> None:
    package = folder / name
    package.mkdir()
    (package / "__init__.py").touch()
    if source is not None:
        (package / "agents.py").write_text(source)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import apps from; afterwards neither they nor their agents are known."""
    before = dict(catalogue._declared)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [
        name for name in sys.modules if name.partition(".")[0] in {"found_app", "plain_app", "broken_app"}
    ]:
        del sys.modules[name]
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()


@pytest.fixture
def found(folder: Path) -> Iterator[None]:
    write_app(folder, "found_app", AGENTS)
    write_app(folder, "plain_app", None)
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "plain_app", "found_app"]):
        yield


@pytest.mark.usefixtures("found")
def test_agents_of_installed_apps_are_found() -> None:
    contract = find_contract("test.found")
    assert contract is not None
    assert contract.defined_in == "found_app.agents.found"
    assert contract.description == "Find what was lost."


def test_an_app_whose_agents_cannot_be_imported_stops_the_start(folder: Path) -> None:
    write_app(folder, "broken_app", "import nothing_of_this_name")
    before = known_names()
    with (
        pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"),
        override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "broken_app"]),
    ):
        pytest.fail("the app was installed")
    assert known_names() == before


@pytest.mark.usefixtures("found")
def test_list_agents_shows_a_line_for_each() -> None:
    out = io.StringIO()
    call_command("list_agents", stdout=out)
    heading, *lines = out.getvalue().splitlines()
    assert heading.split() == ["NAME", "KIND", "VERSION", "QUEUE", "TIMEOUT", "EFFECTS", "DEFINED", "IN"]
    assert [line.split()[0] for line in lines] == sorted(known_names())
    line = next(line for line in lines if line.startswith("test.found "))
    fields = [field.strip() for field in line.split("  ") if field.strip()]
    assert fields == [
        "test.found",
        "python",
        "3",
        "isolated",
        "2.5 s",
        "sends e-mail; bills (irreversible)",
        "found_app.agents.found",
    ]


@pytest.mark.usefixtures("found")
def test_list_agents_as_json() -> None:
    out = io.StringIO()
    call_command("list_agents", "--json", stdout=out)
    contracts = {contract["name"]: contract for contract in json.loads(out.getvalue())}
    assert contracts.keys() == known_names()
    assert contracts["test.found"] == {
        "name": "test.found",
        "version": 3,
        "queue": "isolated",
        "timeout_seconds": 2.5,
        "input_schema": {"type": "object"},
        "output_schema": None,
        "effects": ["sends e-mail", "bills"],
        "reversible": False,
        "pools": {},
        "description": "Find what was lost.",
        "module": "found_app.agents",
        "function": "found",
        "kind": "python",
        "mailbox": None,
        "defined_in": "found_app.agents.found",
    }


def test_without_agents_list_agents_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_agents", {})
    out = io.StringIO()
    call_command("list_agents", stdout=out)
    assert out.getvalue().strip() == (
        "No agents: decorate a function with @agent or @model_agent in the agents.py of an installed app."
    )
