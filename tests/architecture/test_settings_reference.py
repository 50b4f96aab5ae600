"""The page of settings names every setting, with the default that the code has."""

import ast
import re
from dataclasses import MISSING, Field, fields
from typing import Any

import agents.conf
import escalation.conf
import orchestration.conf
from tests.architecture.sources import PROJECT_DIR, sources

_PAGE = PROJECT_DIR / "docs" / "reference" / "settings.md"
_ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`(.*?)`|(required)) \|", re.MULTILINE)
_IN_PROCFILE = re.compile(r"\$\{([A-Z_]+)(:-([^}]*)|:\?[^}]*)\}")


def _sections() -> dict[str, dict[str, str]]:
    """Return the defaults by name, of each section by its heading."""
    parts = re.split(r"^## (.*)$", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    rows = {heading: _ROW.findall(body) for heading, body in zip(parts[::2], parts[1::2], strict=True)}
    return {heading: {row[0]: row[1] or row[2] for row in found} for heading, found in rows.items()}


def _section(word: str) -> dict[str, str]:
    [found] = [rows for heading, rows in _sections().items() if word in heading]
    return found


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _in_code(conf: type) -> dict[str, Any]:
    return {field.name: _default(field) for field in fields(conf)}


def _on_page(word: str) -> dict[str, Any]:
    return {name: ast.literal_eval(default) for name, default in _section(word).items()}


def test_every_setting_of_the_engine_stands_there_with_its_default() -> None:
    assert _on_page("orchestration/conf.py") == _in_code(orchestration.conf.Conf)


def test_every_setting_of_escalation_stands_there_with_its_default() -> None:
    assert _on_page("escalation/conf.py") == _in_code(escalation.conf.Conf)


def test_every_setting_of_agents_stands_there_with_its_default() -> None:
    assert _on_page("agents/conf.py") == _in_code(agents.conf.Conf)


def test_what_else_is_read_from_the_setting_stands_there() -> None:
    """Names that are read with `.get("NAME")` instead of a Conf."""
    read = {
        node.args[0].value
        for source in sources("agents", "orchestration", "escalation", "examples")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and "RINGMASTER" in ast.unparse(node.func.value)
        and isinstance(node.args[0], ast.Constant)
    }
    sections = [rows for heading, rows in _sections().items() if "examples/" in heading]
    assert read == {name for rows in sections for name in rows}


def test_every_variable_of_the_procfile_stands_there_with_its_default() -> None:
    procfile = (PROJECT_DIR / "Procfile").read_text(encoding="utf-8")
    asked = {name: default if how.startswith(":-") else "required" for name, how, default in _found(procfile)}
    assert _section("Environment variables") == asked


def _found(procfile: str) -> list[tuple[str, str, str]]:
    found = _IN_PROCFILE.findall(procfile)
    assert len(found) >= 3, "the Procfile's variables are no longer written as ${NAME:-default}"
    return found
