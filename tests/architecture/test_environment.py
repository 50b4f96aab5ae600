"""Every environment variable that the project reads is in the reference, and the reference names no other."""

import ast
import re

from tests.architecture.sources import PROJECT_DIR, sources

_PAGE = PROJECT_DIR / "docs" / "reference" / "environment.md"
_READERS = {
    "text",
    "required",
    "whole_number",
    "flag",
    "comma_list",
    "app_list",
    "json_object",
    "set_default",
}
# The demo tells itself by this one which servers it started.
_INTERNAL = {"RINGMASTER_DEMO_STARTED"}


def _read_names() -> set[str]:
    return {
        node.args[0].value
        for source in sources("config")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in _READERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and re.fullmatch(r"[A-Z][A-Z_]+", node.args[0].value)
    }


def test_the_reference_is_complete() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)`", _PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert "DATABASE_URL" in documented
    assert documented == _read_names() - _INTERNAL
