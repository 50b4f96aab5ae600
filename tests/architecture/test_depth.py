"""How far a reader goes from a person's decision down to its rows: the longest chain of imports below the decision."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache

import grimp
import pytest

from tests.architecture.sources import PRODUCT_ROOMS

_DECISION = "escalation.escrow.resolution"
_DEEPEST = 16

Imports = Mapping[str, AbstractSet[str]]


@cache
def _read_imports() -> dict[str, AbstractSet[str]]:
    graph = grimp.build_graph(*PRODUCT_ROOMS, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def _find_below(imports: Imports, root: str) -> set[str]:
    """Return a module and all that it imports, directly or not."""
    found, to_see = {root}, [root]
    while to_see:
        new = imports.get(to_see.pop(), frozenset()) - found
        found |= new
        to_see += new
    return found


def _find_longest(imports: Imports, root: str) -> list[str]:
    """Return the longest chain of imports from a module down; modules that import each other count as one."""
    below = {module: _find_below(imports, module) for module in _find_below(imports, root)}

    @cache
    def walk(module: str) -> tuple[str, ...]:
        return (module, *max(_walk_out(module), key=len, default=()))

    def _walk_out(module: str) -> Iterator[tuple[str, ...]]:
        circle = {other for other in below[module] if module in below[other]}
        yield from (
            walk(next_one) for one in circle for next_one in imports.get(one, ()) if next_one not in circle
        )

    return list(walk(root))


def test_a_decision_is_few_imports_deep() -> None:
    chain = _find_longest(_read_imports(), _DECISION)
    assert len(chain) <= _DEEPEST, "\n".join(chain)


def test_a_decision_reads_no_use_case_of_runs() -> None:
    below = _find_below(_read_imports(), _DECISION)
    assert [
        module for module in below if module.startswith(("orchestration.runs", "orchestration.executor"))
    ] == []


@pytest.mark.parametrize(
    ("imports", "longest"),
    [
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, ["a", "b", "c"]),
        ({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}, ["a", "b", "d"]),
        ({"a": set()}, ["a"]),
    ],
)
def test_the_longest_chain_is_found(imports: Imports, longest: list[str]) -> None:
    assert _find_longest(imports, "a") == longest
