"""Pins: pointers lead to what is handed verbatim, and a spec with one that can't is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.domain.pointers import find_pointer_fault, resolve_pointer
from orchestration.domain.sharing import share_tokens
from orchestration.domain.spec import load_spec
from orchestration.errors import HandoffTooLarge, SpecInvalid

_VALUE: dict[str, Any] = {"a": {"b/c": [10, 20], "m~n": 1, "": 2}, "list": [{"x": None}]}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", _VALUE),
        ("/a/b~1c/1", 20),
        ("/a/m~0n", 1),
        ("/a/", 2),
        ("/list/0/x", None),
        ("/list/0", {"x": None}),
    ],
)
def test_a_pointer_leads_to_a_value(pointer: str, found: Any) -> None:
    assert find_pointer_fault(pointer) is None
    assert resolve_pointer(_VALUE, pointer) == found


@pytest.mark.parametrize(
    "pointer", ["/b", "/a/b", "/list/1", "/list/-", "/list/01", "/a/b~1c/0/0", "/list/x"]
)
def test_a_pointer_may_lead_to_nothing(pointer: str) -> None:
    with pytest.raises(LookupError):
        resolve_pointer(_VALUE, pointer)


@pytest.mark.parametrize("pointer", ["a", "order/id", "/a~", "/a~2", "/" + "x" * 500])
def test_what_is_no_pointer_is_refused_when_it_is_published(pointer: str) -> None:
    assert find_pointer_fault(pointer) is not None
    with pytest.raises(SpecInvalid, match=r"step 'b', pin: of 'a': '"):
        load_spec(_spec({"a": [pointer]}))


def test_only_of_what_is_handed_over_something_can_be_pinned() -> None:
    with pytest.raises(SpecInvalid, match="step 'b', pin: 'c' is not in needs"):
        load_spec(_spec({"c": ["/x"]}))
    with pytest.raises(SpecInvalid, match="step 'b', pin: of 'a' 1 to 100 pointers"):
        load_spec(_spec({"a": []}))
    assert load_spec(_spec({"a": "/x"} | {"a": ["/x"]})).step_map["b"].pin == {"a": ("/x",)}


def test_for_each_does_not_read_what_was_lost() -> None:
    spec = _spec({})
    spec["steps"][1] |= {"when": "summary.missing_numbers == 0", "input": {"lost": "summary.kept"}}
    load_spec(spec)
    spec["steps"][1] |= {"for_each": "[summary]"}
    with pytest.raises(SpecInvalid, match="step 'b', for_each: bad CEL expression: unknown name 'summary'"):
        load_spec(spec)


def _spec(pin: dict[str, Any]) -> dict[str, Any]:
    after = {"key": "b", "agent": "x", "needs": ["a"], "pin": pin}
    return {"name": "pins", "steps": [{"key": "a", "agent": "x"}, after]}


_SENDERS = st.lists(st.tuples(st.integers(0, 9_000), st.integers(96, 3_000)), min_size=1, max_size=12)


@given(_SENDERS, st.integers(100, 8_000))
def test_shares_keep_what_each_needs_and_are_never_more_than_all(
    senders: list[tuple[int, int]], most: int
) -> None:
    tokens, least = [one for one, _ in senders], [one for _, one in senders]
    try:
        shares = share_tokens(tokens, most, least)
    except HandoffTooLarge:
        assert sum(map(min, tokens, least)) > most
        return
    assert sum(shares) <= most
    assert all(min(t, n) <= share <= t for t, n, share in zip(tokens, least, shares, strict=True))
