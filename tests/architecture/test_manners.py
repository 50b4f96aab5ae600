"""House rules that no linter knows: where the environment is read, where imports stand, empty names."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PRODUCT_ROOMS, Source, sources

_EMPTY_NAMES = frozenset({"utils", "helpers", "common", "misc", "manager", "managers"})


def _environment_reads(source: Source) -> Iterator[str]:
    if source.path == "config/env.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb", "putenv"}:
            yield source.at(node, f"os.{node.attr}")
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names} & {"environ", "getenv", "environb", "putenv"}
            yield from (source.at(node, f"os.{name}") for name in sorted(names))


def _inner_imports(source: Source) -> Iterator[str]:
    """Yield imports inside functions; `AppConfig.ready` is where Django wants them."""
    for function in source.functions():
        if function.name == "ready" and source.path.endswith("/apps.py"):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield source.at(node, f"import inside {function.name}()")


def _signals(source: Source) -> Iterator[str]:
    """Yield where a row's signals are used: a write must say itself what follows from it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module in {
            "django.db.models.signals",
            "django.dispatch",
        }:
            yield source.at(node, f"imports {node.module}")


def test_only_env_reads_the_environment() -> None:
    assert [
        line for source in sources(*PRODUCT_ROOMS, "examples") for line in _environment_reads(source)
    ] == []


def test_imports_stand_at_the_top() -> None:
    assert [line for source in sources(*PRODUCT_ROOMS) for line in _inner_imports(source)] == []


def test_no_signals() -> None:
    assert [line for source in sources(*PRODUCT_ROOMS, "examples") for line in _signals(source)] == []


def test_no_module_has_an_empty_name() -> None:
    stems = {
        source.path: source.path.removesuffix(".py").split("/")
        for source in sources(*PRODUCT_ROOMS, "examples")
    }
    assert [path for path, parts in stems.items() if _EMPTY_NAMES & set(parts)] == []


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.environ['X']",
        "import os\nos.getenv('X')",
        "from os import environ",
        "from os import getenv",
    ],
)
def test_an_environment_read_is_caught(code: str) -> None:
    assert list(_environment_reads(Source.parse("agents/invoke.py", code))) != []
    assert list(_environment_reads(Source.parse("config/env.py", code))) == []


def test_an_inner_import_is_caught() -> None:
    code = "def ready():\n    import json\n"
    assert list(_inner_imports(Source.parse("agents/invoke.py", code))) != []
    assert list(_inner_imports(Source.parse("agents/apps.py", code))) == []


def test_a_signal_is_caught() -> None:
    code = "from django.db.models.signals import post_save"
    assert list(_signals(Source.parse("agents/invoke.py", code))) != []
