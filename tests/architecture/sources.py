"""The project's own Python files, parsed once for all architecture tests."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
PRODUCT_ROOMS = ("config", "agents", "orchestration", "escalation")
ALL_ROOMS = (*PRODUCT_ROOMS, "examples", "tests", "benchmarks")


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its place, text and syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, text: str) -> "Source":
        return cls(path, text, ast.parse(text))

    def at(self, node: ast.AST, what: str) -> str:
        """Return a line for a failure message."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def sources(*rooms: str) -> tuple[Source, ...]:
    """Return every file below the rooms, generated migrations left out."""
    return tuple(source for room in rooms for source in _read_room(room))


@cache
def _read_room(room: str) -> tuple[Source, ...]:
    return tuple(
        Source.parse(str(file.relative_to(PROJECT_DIR)), file.read_text(encoding="utf-8"))
        for file in sorted((PROJECT_DIR / room).rglob("*.py"))
        if "migrations" not in file.parts
    )
