"""What a person changed is told field by field, and nothing else is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.domain.difference import MOST_CHANGES, find_changes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": "x", "b": 1}, {"a": "y", "b": 1}, [("a", "x", "y")]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3, 4]}}, [("a.b[1]", "2", "3"), ("a.b[2]", None, "4")]),
        ({"a": 1}, {"b": 1}, [("a", "1", None), ("b", None, "1")]),
        ("x", {"x": 1}, [("", "x", '{"x": 1}')]),
        ({"a": 1}, {"a": True}, [("a", "1", "true")]),
        ({"a": "1"}, {"a": 1}, [("a", "1", "1")]),
        ({"a": None}, {}, [("a", "null", None)]),
        ([], [], []),
    ],
)
def test_each_field_that_differs_is_told(before: Any, after: Any, told: list[tuple[Any, ...]]) -> None:
    assert [(change.place, change.before, change.after) for change in find_changes(before, after)] == told


@given(JSON, JSON)
def test_only_what_differs_is_told(before: Any, after: Any) -> None:
    assert find_changes(before, before) == []
    assert bool(find_changes(before, after)) == (repr(_sort(before)) != repr(_sort(after)))


def _sort(value: Any) -> Any:
    """Return a value whose objects stand in one order."""
    if isinstance(value, dict):
        return {key: _sort(value[key]) for key in sorted(value)}
    return [_sort(item) for item in value] if isinstance(value, list) else value


def test_a_text_that_was_written_anew_is_not_told_for_ever() -> None:
    assert len(find_changes(list(range(500)), list(range(1, 501)))) == MOST_CHANGES
