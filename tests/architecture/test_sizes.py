"""Files and functions stay short enough to be read in one go."""

import ast
import re
import statistics
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PRODUCT_ROOMS, Source, sources

_LONGEST_FILE = 350
_LONGEST_TEST_FILE = 500
_LONGEST_FUNCTION = 50
_MEDIAN_FUNCTION = 8
_LONGEST_STATEMENT = 40
_MOST_SQL_OF_TRANSITIONS = 620
_SQL = re.compile(r"\b(SELECT|UPDATE|INSERT|DELETE|FROM|WHERE|SET|CASE|status =)\b")


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of the body; a docstring explains and does not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


def _function_lengths(files: tuple[Source, ...]) -> dict[str, int]:
    return {
        source.at(function, function.name): _length(function)
        for source in files
        for function in source.functions()
    }


def _files_over(limit: int, *rooms: str) -> dict[str, int]:
    lengths = {source.path: len(source.text.splitlines()) for source in sources(*rooms)}
    return {path: lines for path, lines in lengths.items() if lines > limit}


def test_no_file_is_too_long() -> None:
    assert _files_over(_LONGEST_FILE, *PRODUCT_ROOMS, "examples") == {}
    assert _files_over(_LONGEST_TEST_FILE, "tests") == {}


def test_no_function_is_too_long() -> None:
    lengths = _function_lengths(sources(*PRODUCT_ROOMS, "examples", "tests"))
    assert {place: lines for place, lines in lengths.items() if lines > _LONGEST_FUNCTION} == {}


def test_functions_are_short_on_the_whole() -> None:
    lengths = _function_lengths(sources(*PRODUCT_ROOMS)).values()
    assert statistics.median(lengths) <= _MEDIAN_FUNCTION


def _statements(source: Source) -> Iterator[tuple[ast.expr, int]]:
    """Yield each text of SQL with its lines; what a fragment says counts where the fragment stands."""
    parts = {
        part for node in ast.walk(source.tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    spoken = {node.value for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    lines = source.text.encode().splitlines(keepends=True)
    for node in ast.walk(source.tree):
        is_text = isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts
        )
        if is_text and isinstance(node, ast.expr) and node not in spoken:
            text = _cut_out(lines, node)
            if _SQL.search(text):
                yield node, sum(line.strip() not in {"", '"""', 'f"""'} for line in text.splitlines())


def _cut_out(lines: list[bytes], node: ast.expr) -> str:
    """Return the text of an expression. `ast.get_source_segment` splits the whole file again for each."""
    last = (node.end_lineno or node.lineno) - 1
    own = lines[node.lineno - 1 : last + 1]
    own[-1] = own[-1][: node.end_col_offset]
    own[0] = own[0][node.col_offset :]
    return b"".join(own).decode()


def test_no_statement_is_too_long() -> None:
    lengths = {
        source.at(node, "SQL"): lines
        for source in sources(*PRODUCT_ROOMS)
        for node, lines in _statements(source)
        if "/migrations/" not in source.path
    }
    assert {place: lines for place, lines in lengths.items() if lines > _LONGEST_STATEMENT} == {}


def test_the_transitions_say_little_sql() -> None:
    rooms = [
        source for source in sources("orchestration") if source.path.startswith("orchestration/transitions/")
    ]
    assert sum(lines for source in rooms for _, lines in _statements(source)) < _MOST_SQL_OF_TRANSITIONS


@pytest.mark.parametrize(
    ("code", "lengths"),
    [
        ('"""Says SELECT and UPDATE."""\nX = 1', []),
        ('X = """\nSELECT 1\nFROM a\n"""', [2]),
        ('X = f"""\nUPDATE {a}\n{b}\nSET c\n"""', [3]),
        ("X = 'a word'", []),
    ],
)
def test_lines_of_sql_are_counted(code: str, lengths: list[int]) -> None:
    assert [lines for _, lines in _statements(Source.parse("a.py", code))] == lengths
