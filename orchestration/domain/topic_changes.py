"""Whether what meets a new schema also meets the old one, which subscribers were written for. Pure, and cautious.

A subscriber breaks when a message may come that it could not have got before. What can't be told is said to break.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_WORDS: Final = frozenset(
    {"title", "description", "examples", "default", "deprecated", "$comment", "$id", "$schema"}
)
_NARROWED_BY_LESS: Final = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)
_NARROWED_BY_MORE: Final = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
)
_STRUCTURE: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const"}
)


def find_breaking_changes(old: Any, new: Any) -> list[str]:
    """Return what of a new schema lets messages come that the old one refused: a JSON pointer and words, each."""
    return list(_compare(old, new, ""))


def _compare(old: Any, new: Any, at: str) -> Iterator[str]:
    if old == new or old is True or old == {} or new is False:
        return
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield f"{at or '/'} accepts more"
        return
    yield from _compare_types(old, new, at)
    yield from _compare_values(old, new, at)
    yield from _compare_properties(old, new, at)
    if "items" in old:
        yield from _compare(old["items"], new.get("items", True), f"{at}/items")
    yield from _compare_limits(old, new, at)


def _compare_types(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    if "type" not in old:
        return
    known = _list_types(old["type"])
    come = _list_types(new["type"]) if "type" in new else None
    if "number" in known:
        known |= {"integer"}
    if come is None or not come <= known:
        yield f"{at or '/'} may be {'anything' if come is None else ' or '.join(sorted(come - known))}"


def _list_types(said: Any) -> set[str]:
    return {said} if isinstance(said, str) else set(said)


def _compare_values(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    known = _list_values(old)
    if known is None:
        return
    come = _list_values(new)
    if come is None or any(value not in known for value in come):
        yield f"{at or '/'} may have other values"


def _list_values(schema: Mapping[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _compare_properties(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        yield f"{at}/{name} may be missing"
    come = new.get("properties", {})
    for name, schema in sorted(old.get("properties", {}).items()):
        if name in come:
            yield from _compare(schema, come[name], f"{at}/{name}")
        elif new.get("additionalProperties") is not False:
            yield from _compare(schema, new.get("additionalProperties", True), f"{at}/{name}")
    others = old.get("additionalProperties", True)
    if others is True:
        return
    for name in sorted(set(come) - set(old.get("properties", {}))):
        if others is False:
            yield f"{at}/{name} is new, and no others were allowed"
        else:
            yield from _compare(others, come[name], f"{at}/{name}")
    yield from _compare(others, new.get("additionalProperties", True), f"{at}/*")


def _compare_limits(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    for word, limit in sorted(old.items()):
        if word in _WORDS or word in _STRUCTURE or new.get(word) == limit:
            continue
        come = new.get(word)
        is_tighter = isinstance(come, int | float) and (
            (word in _NARROWED_BY_LESS and come <= limit) or (word in _NARROWED_BY_MORE and come >= limit)
        )
        if not is_tighter:
            yield f"{at or '/'}: {word} has changed"
