"""The reference names every command of ours and all that users' code calls, with what they take."""

import dataclasses
import inspect
import re
from collections.abc import Callable

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

from agents import Task
from orchestration import StepSpec, WorkflowSpec, actors, memory, runs, testing
from tests.architecture.sources import PRODUCT_ROOMS, PROJECT_DIR

_REFERENCE = PROJECT_DIR / "docs" / "reference"
_FUNCTIONS = [name for name in runs.__all__ if inspect.isfunction(getattr(runs, name))]
# Django's own options, which every command has.
_EVERYWHERE = {"help", "version", "verbosity", "settings", "pythonpath", "traceback"} | {
    "no_color",
    "force_color",
    "skip_checks",
}


def _own_commands() -> dict[str, str]:
    rooms = {config.name for config in apps.get_app_configs()} & set(PRODUCT_ROOMS)
    return {name: app for name, app in get_commands().items() if app in rooms}


def _sections(page: str) -> dict[str, str]:
    """Return the text below each heading, by every name that the heading gives."""
    parts = re.split(r"^## (.*)$", (_REFERENCE / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {name.strip(): text for heading, text in pairs for name in heading.split(",")}


@pytest.mark.parametrize("name", sorted(_own_commands()))
def test_every_command_stands_there_with_its_options(name: str) -> None:
    sections = _sections("commands.md")
    assert name in sections, "docs/reference/commands.md has no section of this command"
    parser = load_command_class(_own_commands()[name], name).create_parser("manage.py", name)
    options = [
        action.option_strings[0]
        for action in parser._actions
        if action.option_strings and action.dest not in _EVERYWHERE
    ]
    assert [option for option in options if option not in sections[name]] == []


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_every_function_of_runs_stands_there_with_its_arguments(name: str) -> None:
    text = (_REFERENCE / "python.md").read_text(encoding="utf-8")
    told = re.compile(rf"`runs\.{name}\b")
    assert told.search(text), f"docs/reference/python.md says nothing of runs.{name}"
    [section] = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if told.search(part)]
    missing = [
        argument for argument in inspect.signature(getattr(runs, name)).parameters if argument not in section
    ]
    assert missing == []


_OTHERS = [
    (f"{room.__name__.rpartition('.')[2]}.{name}", getattr(room, name))
    for room in (actors, memory, testing)
    for name in room.__all__
    if inspect.isfunction(getattr(room, name))
]


@pytest.mark.parametrize(("name", "function"), _OTHERS, ids=[name for name, _ in _OTHERS])
def test_every_function_of_the_other_rooms_stands_there_with_its_arguments(
    name: str, function: Callable[..., object]
) -> None:
    text = (_REFERENCE / "python.md").read_text(encoding="utf-8")
    told = re.search(rf"`{re.escape(name)}\(([^`]*)\)`", text)
    assert told, f"docs/reference/python.md does not say how {name} is called"
    words = set(re.findall(r"\w+", told.group(1)))
    assert [argument for argument in inspect.signature(function).parameters if argument not in words] == []


# Of the engine's: what an agent uses instead stands beside them in the class's docstring.
_NOT_FOR_AGENTS = {"calls", "context", "is_cancelled", "kept", "outbox"}


def test_all_that_a_task_has_stands_there() -> None:
    table = (_REFERENCE / "python.md").read_text(encoding="utf-8").partition("# In an agent")[2]
    told = set(re.findall(r"`task\.(\w+)", table))
    assert told == {name for name in dir(Task) if not name.startswith("_")} - _NOT_FOR_AGENTS


@pytest.mark.parametrize("kind", [StepSpec, WorkflowSpec])
def test_every_field_of_a_spec_stands_in_its_table(kind: type) -> None:
    page = (PROJECT_DIR / "docs" / "howto" / "own-agents.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)) | {"name", "steps"}
    assert {field.name for field in dataclasses.fields(kind)} - told == set()


def test_there_is_something_to_compare() -> None:
    assert {"list_agents", "list_tickets", "services", "demo"} <= set(_own_commands())
    assert {"start", "wait", "cancel", "fork"} <= set(_FUNCTIONS)
