"""What a JSON Schema says of one property, as a field of a form needs to know it. Pure. Read next: `fieldset.py`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

YES_NO: Final = {"yes": True, "no": False}


def find_type(asked: Mapping[str, Any]) -> str:
    """Return the one type of a property; "" for one of several. That it may be null needs no field of its own."""
    types = asked.get("type")
    named = [one for one in (types if isinstance(types, list) else [types]) if one != "null"]
    return named[0] if len(named) == 1 and isinstance(named[0], str) else ""


def find_options(asked: Mapping[str, Any], type_: str) -> tuple[tuple[str, ...], bool]:
    """Return what can be chosen, and whether these are texts as they stand, and not JSON."""
    choices = asked.get("enum")
    if type_ == "boolean":
        return tuple(YES_NO), True
    if not isinstance(choices, list) or not choices:
        return (), False
    if all(isinstance(choice, str) for choice in choices):
        return tuple(choices), True
    return tuple(json.dumps(choice, ensure_ascii=False) for choice in choices), False


def find_kind(asked: Mapping[str, Any], type_: str) -> str:
    """Return the kind of a browser's input for a property; "" for a text area or a choice."""
    if type_ in {"integer", "number"}:
        return "number"
    return "date" if type_ == "string" and asked.get("format") == "date" else ""


def find_bounds(asked: Mapping[str, Any], type_: str) -> Iterator[tuple[str, str]]:
    """Yield what a browser checks; what else the schema asks for is checked when the form comes."""
    yield "step", "1" if type_ == "integer" else "any"
    for name, bound in (("min", "minimum"), ("max", "maximum")):
        value = asked.get(bound)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, json.dumps(value)


def find_default(asked: Mapping[str, Any]) -> str:
    """Return what stands in a property's field before anybody typed."""
    match asked.get("default"):
        case None:
            return ""
        case bool(value):
            return "yes" if value else "no"
        case str(value):
            return value
        case value:
            return json.dumps(value, ensure_ascii=False)


def write_value(value: Any, *, is_json: bool) -> str:
    """Return a value as a field shows it."""
    if isinstance(value, bool) and not is_json:
        return "yes" if value else "no"
    return value if isinstance(value, str) and not is_json else json.dumps(value, ensure_ascii=False)


def write_exactly(value: Any) -> str:
    """Return what two values must share to be the same: true is not 1, and 1 is not 1.0."""
    return json.dumps(value, sort_keys=True)
