"""House rules that no linter knows: where the environment is read, where imports stand, empty names."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PRODUCT_ROOMS, Source, sources

_EMPTY_NAMES = frozenset({"utils", "helpers", "common", "misc", "manager", "managers"})


_WALL_CLOCKS = frozenset(
    {"time.time", "time.time_ns", "datetime.now", "datetime.today", "datetime.utcnow", "date.today"}
    | {"timezone.now", "timezone.localtime", "timezone.localdate"}
)
_OWN_CLOCK = frozenset(
    {
        "agents/invoke.py",  # a Retry-After header that names a date
        "agents/runtimes/model/durability.py",  # from when an agent's own time limit counts, kept with its calls
        "orchestration/worker/telling.py",  # what Flower shows beside its other events
        "orchestration/tokens.py",  # days ahead
        "orchestration/management/commands/replay_decisions.py",  # days back
    }
)


_ENVIRONMENT = frozenset(
    {
        "config/env.py",
        "agents/providers/keys.py",  # keys of providers: settings name the variables only
        "agents/runtimes/belongings.py",  # reads nothing from it: puts it back after an agent
    }
)


def _environment_reads(source: Source) -> Iterator[str]:
    if source.path in _ENVIRONMENT:
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


def _wall_clock_reads(source: Source) -> Iterator[str]:
    """Yield where this machine's clock is read: what is stored or compared with a row is the database's time."""
    if source.path in _OWN_CLOCK:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            read = ".".join(ast.unparse(node).split(".")[-2:])
            if read in _WALL_CLOCKS:
                yield source.at(node, read)
        if isinstance(node, ast.ImportFrom):
            room = str(node.module).rpartition(".")[2]
            names = [f"{room}.{alias.name}" for alias in node.names]
            yield from (source.at(node, name) for name in names if name in _WALL_CLOCKS)
        if isinstance(node, ast.keyword) and node.arg in {"auto_now", "auto_now_add"}:
            yield source.at(node.value, str(node.arg))


def test_the_engine_reads_the_database_s_clock_only() -> None:
    assert [
        line
        for source in sources("orchestration", "agents", "escalation")
        for line in _wall_clock_reads(source)
    ] == []


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


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.time()",
        "from time import time",
        "x = timezone.now",
        "from django.utils.timezone import now",
        "datetime.now(UTC)",
        "datetime.datetime.now()",
        "at = models.DateTimeField(auto_now_add=True)",
    ],
)
def test_a_look_at_the_wall_clock_is_caught(code: str) -> None:
    assert list(_wall_clock_reads(Source.parse("orchestration/dispatch.py", code))) != []
    assert list(_wall_clock_reads(Source.parse("agents/invoke.py", code))) == []


def test_an_inner_import_is_caught() -> None:
    code = "def ready():\n    import json\n"
    assert list(_inner_imports(Source.parse("agents/invoke.py", code))) != []
    assert list(_inner_imports(Source.parse("agents/apps.py", code))) == []


def test_a_signal_is_caught() -> None:
    code = "from django.db.models.signals import post_save"
    assert list(_signals(Source.parse("agents/invoke.py", code))) != []
