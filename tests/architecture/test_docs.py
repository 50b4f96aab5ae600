"""What the pages say exists: their code runs, and their commands, options, links and paths are real."""

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import BaseCommand, get_commands, load_command_class
from django.db import transaction

from agents.domain.catalogue import catalogue
from orchestration import Budget, Listen, Recall, Retry, Review, StepSpec, TopicSpec, Verify, WorkflowSpec
from tests.architecture.sources import ALL_ROOMS, PRODUCT_ROOMS, PROJECT_DIR

PAGES = sorted(
    [
        PROJECT_DIR / "README.md",
        PROJECT_DIR / "CHANGELOG.md",
        PROJECT_DIR / "benchmarks" / "README.md",
        *(PROJECT_DIR / "docs").rglob("*.md"),
    ]
)
_FENCE = re.compile(r"((?:^<!-- [a-z]+: .*? -->\n)*)^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^<!-- ([a-z]+): (.*?) -->$", re.MULTILINE)
_SPECS = {
    kind.__name__: kind
    for kind in (Budget, Listen, Recall, Retry, Review, StepSpec, TopicSpec, Verify, WorkflowSpec)
}
_COMMAND = re.compile(r"manage\.py ([a-z_]+)((?:[^\n`|\\]|\\\n)*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_TARGET = re.compile(r"(?:`|^)make ([a-z]+)", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
_PATH = re.compile(rf"`((?:{'|'.join((*ALL_ROOMS, 'docs'))})/[\w./-]*)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, text, and what the comments before it say."""

    language: str
    text: str
    marks: dict[str, str]


def _blocks(page: str) -> list[Block]:
    return [
        Block(language, text, dict(_MARK.findall(marks))) for marks, language, text in _FENCE.findall(page)
    ]


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _name(page: Path) -> str:
    return str(page.relative_to(PROJECT_DIR))


def _files(page: Path) -> dict[str, str]:
    """Return the files that a page's marked blocks make up; blocks of one file are joined, those it uses come first."""
    files: dict[str, str] = {}
    for block in _blocks(_read(page)):
        if "uses" in block.marks:
            used = _files(PROJECT_DIR / block.marks["uses"])
            files |= {name: text for name, text in used.items() if "/test_" not in name}
        if "file" in block.marks:
            files[block.marks["file"]] = files.get(block.marks["file"], "") + block.text + "\n"
    return files


RUNNABLE = [page for page in PAGES if _files(page)]


@contextmanager
def _installed(files: dict[str, str], folder: Path) -> Iterator[list[str]]:
    """Import the files as a user's app would be; afterwards nobody knows their agents any more."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    modules = [name.removesuffix(".py").replace("/", ".") for name in files]
    packages = {module.partition(".")[0] for module in modules}
    declared = dict(catalogue._declared)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        yield sorted(modules, key=lambda module: ("test_" in module, not module.endswith("agents")))
    finally:
        sys.path.remove(str(folder))
        for module in [name for name in sys.modules if name.partition(".")[0] in packages]:
            del sys.modules[module]
        catalogue._declared = declared
        catalogue._rebuild()


def _tests(modules: list[str]) -> list[tuple[str, object]]:
    loaded = [importlib.import_module(module) for module in modules]
    return [pair for module in loaded for pair in vars(module).items() if pair[0].startswith("test_")]


@pytest.mark.django_db
@pytest.mark.parametrize("page", RUNNABLE, ids=_name)
def test_the_code_on_the_page_runs(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with _installed(_files(page), tmp_path) as modules:
        tests = _tests(modules)
        assert tests, f"{_name(page)} has code, but no test that uses it"
        for _, test in tests:
            assert callable(test)
            names = inspect.signature(test).parameters
            with _undone():
                test(**{name: request.getfixturevalue(name) for name in names})


@contextmanager
def _undone() -> Iterator[None]:
    """Take back what one of a page's tests wrote, as pytest does between tests."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_pages_with_code_are_found() -> None:
    assert {"README.md", "docs/howto/own-agents.md", "docs/howto/test-your-agents.md"} <= set(
        map(_name, RUNNABLE)
    )


def test_code_that_fails_is_noticed(tmp_path: Path) -> None:
    files = {"pagecode/test_it.py": "def test_it():\n    assert 1 == 2\n"}
    with _installed(files, tmp_path) as modules:
        [(_, test)] = _tests(modules)
        assert callable(test)
        with pytest.raises(AssertionError):
            test()
    assert "pagecode" not in sys.modules


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_python_block_can_be_read(page: Path) -> None:
    for block in _blocks(_read(page)):
        if block.language == "python":
            ast.parse(block.text)


def _is_there(name: str) -> bool:
    module, _, last = name.rpartition(".")
    there = importlib.import_module(module)
    return hasattr(there, last) or (hasattr(there, "__path__") and importlib.util.find_spec(name) is not None)


def _fragment_faults(text: str) -> list[str]:
    """Return what a block that is part of no file takes from our rooms and is not there, or declares and is refused."""
    faults = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PRODUCT_ROOMS:
            names = [f"{node.module}.{each.name}" for each in node.names]
            faults += [name for name in names if not _is_there(name)]
        is_spec = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SPECS
        if is_spec and not any(
            isinstance(part, ast.Constant) and part.value is ... for part in ast.walk(node)
        ):
            try:
                eval(ast.unparse(node), dict(_SPECS))  # noqa: S307 - our own page
            except (NameError, TypeError, ValueError) as error:
                faults.append(f"{ast.unparse(node)[:60]}: {error}")
    return faults


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_fragments_take_only_what_is_there(page: Path) -> None:
    loose = [b for b in _blocks(_read(page)) if b.language == "python" and "file" not in b.marks]
    assert [fault for block in loose for fault in _fragment_faults(block.text)] == []


def test_a_fragment_that_takes_what_is_not_there_is_caught() -> None:
    assert _fragment_faults("from orchestration import Actor") == ["orchestration.Actor"]
    [fault] = _fragment_faults("StepSpec('a', agent='a.b', recall='x')")
    assert "recall" in fault
    assert _fragment_faults("StepSpec('a', ..., recall='x')") == []


def _load(app: str | BaseCommand, name: str) -> BaseCommand:
    return load_command_class(app, name) if isinstance(app, str) else app


def _command_faults(text: str) -> list[str]:
    """Return the `manage.py` commands and options of a page that do not exist."""
    apps, faults = get_commands(), []
    for name, rest in _COMMAND.findall(text):
        if name not in apps:
            faults.append(name)
            continue
        known = _load(apps[name], name).create_parser("manage.py", name)._option_string_actions
        faults += [
            f"{name} {option}" for option in _OPTION.findall(rest.partition("#")[0]) if option not in known
        ]
    return faults


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_and_option_exists(page: Path) -> None:
    assert _command_faults(_read(page)) == []


def test_an_invented_command_or_option_is_caught() -> None:
    assert _command_faults("`manage.py restart_run ID`") == ["restart_run"]
    assert _command_faults("manage.py list_runs \\\n  --state x # --other") == ["list_runs --state"]
    assert _command_faults("manage.py list_runs --limit 5") == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", _read(PROJECT_DIR / "Makefile"), re.MULTILINE))
    assert set(_TARGET.findall(_read(page))) <= targets


def _slugs(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _read(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_resolves(page: Path) -> None:
    for target, anchor in _LINK.findall(_read(page)):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{_name(page)} links to {target}"
        assert not anchor or anchor in _slugs(found), f"{_name(page)} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_path_exists(page: Path) -> None:
    assert [path for path in _PATH.findall(_read(page)) if not (PROJECT_DIR / path).exists()] == []
