"""Files and functions stay short enough to be read in one go."""

import ast
import statistics

from tests.architecture.sources import PRODUCT_ROOMS, Source, sources

_LONGEST_FILE = 350
_LONGEST_TEST_FILE = 500
_LONGEST_FUNCTION = 50
_MEDIAN_FUNCTION = 8


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
