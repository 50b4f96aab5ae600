"""The form of a step that people do: fields from its JSON Schema, and the output from what was typed.

One field for each property of an object; whatever is no plain text, number, choice or yes and no is typed as JSON.
Read next: `editing.py`, for what an agent proposed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agents.domain.json_schema import find_fault
from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from escalation.domain.editing import KEY_PREFIX, WHOLE_JSON, EditField, join_fields
from escalation.errors import ResolutionInvalid

_YES_NO = {"yes": True, "no": False}
_LEADING: Final = re.compile(r"\A\+?(-?)0*(?=\d)")
# More properties are no form any more, and Django refuses forms of more than a thousand fields.
_MOST_FIELDS: Final = 200


def form_fields(schema: Mapping[str, Any]) -> list[EditField]:
    """Return the fields of a form; one for the whole as JSON when the schema names no properties, or too many."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not 0 < len(properties) <= _MOST_FIELDS:
        return [EditField(WHOLE_JSON, "Output as JSON", "", is_json=True)]
    # Specs are kept with their keys sorted: only the list of what is required still has its author's order.
    required = [key for key in schema.get("required", []) if key in properties]
    keys = dict.fromkeys((*required, *properties))
    return [_field(key, properties[key], key in required) for key in keys]


def read_form(schema: Mapping[str, Any], typed: Mapping[str, str]) -> Any:
    """Return the output that a filled form stands for; an empty field that is not required is left out.

    Raises: ResolutionInvalid: names the field.
    """
    fields = form_fields(schema)
    if fields[0].name == WHOLE_JSON:
        return join_fields(None, typed)
    values = {field: typed.get(field.name, "").replace("\r\n", "\n") for field in fields}
    return {
        field.key: _read(field, text) for field, text in values.items() if text.strip() or field.is_required
    }


def check_form(schema: Mapping[str, Any] | None, output: Any) -> None:
    """Refuse an output that does not fit the form it was asked for by.

    Raises: ResolutionInvalid: names the field.
    """
    if schema is None:
        return
    fault = find_fault(schema, output)
    if fault is not None:
        raise ResolutionInvalid(f"output{fault[0]}: {fault[1]}")


def _field(key: str, asked: Any, is_required: bool) -> EditField:  # noqa: FBT001 - a fact of the schema
    asked = asked if isinstance(asked, dict) else {}
    type_ = _find_type(asked)
    options, are_texts = _find_options(asked, type_)
    kind = "" if options else _find_kind(asked, type_)
    return EditField(
        name=KEY_PREFIX + key,
        label=str(asked.get("title") or key),
        text=_default(asked),
        is_json=type_ not in {"boolean", "string"} and not are_texts,
        key=key,
        hint=str(asked.get("description", "")),
        options=options,
        is_required=is_required,
        is_yes_no=type_ == "boolean",
        kind=kind,
        bounds=tuple(_find_bounds(asked, type_)) if kind == "number" else (),
    )


def _find_type(asked: Mapping[str, Any]) -> str:
    """Return the one type of a property; "" for one of several. That it may be null needs no field of its own."""
    types = asked.get("type")
    named = [one for one in (types if isinstance(types, list) else [types]) if one != "null"]
    return named[0] if len(named) == 1 and isinstance(named[0], str) else ""


def _find_options(asked: Mapping[str, Any], type_: str) -> tuple[tuple[str, ...], bool]:
    """Return what can be chosen, and whether these are texts as they stand, and not JSON."""
    choices = asked.get("enum")
    if type_ == "boolean":
        return tuple(_YES_NO), True
    if not isinstance(choices, list) or not choices:
        return (), False
    if all(isinstance(choice, str) for choice in choices):
        return tuple(choices), True
    return tuple(json.dumps(choice, ensure_ascii=False) for choice in choices), False


def _find_kind(asked: Mapping[str, Any], type_: str) -> str:
    if type_ in {"integer", "number"}:
        return "number"
    return "date" if type_ == "string" and asked.get("format") == "date" else ""


def _find_bounds(asked: Mapping[str, Any], type_: str) -> Iterator[tuple[str, str]]:
    """Yield what a browser checks; what else the schema asks for is checked when the form comes."""
    yield "step", "1" if type_ == "integer" else "any"
    for name, bound in (("min", "minimum"), ("max", "maximum")):
        value = asked.get(bound)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, json.dumps(value)


def _default(asked: Mapping[str, Any]) -> str:
    match asked.get("default"):
        case None:
            return ""
        case bool(value):
            return "yes" if value else "no"
        case str(value):
            return value
        case value:
            return json.dumps(value, ensure_ascii=False)


def _read(field: EditField, text: str) -> Any:
    if field.is_yes_no:
        if text not in _YES_NO:
            raise ResolutionInvalid(f"{field.label}: choose yes or no.")
        return _YES_NO[text]
    if field.is_required and not text.strip():
        raise ResolutionInvalid(f"{field.label}: fill it in.")
    if not field.is_json:
        return text
    try:
        # Browsers take and send 007 and +7 as numbers, JSON does not.
        return read_json(_LEADING.sub(r"\1", text.strip()) if field.kind == "number" else text)
    except UnreadableJson as error:
        raise ResolutionInvalid(f"{field.label}: no number or JSON ({error}).") from None
