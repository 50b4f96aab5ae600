"""The form of a step that people do: fields from its JSON Schema, and the output from what was typed.

One field for each property of an object; whatever is no plain text, number, choice or yes and no is typed as JSON.
Read next: `editing.py`, for what an agent proposed.
"""

import json
from collections.abc import Mapping
from typing import Any

from agents.domain.json_schema import find_fault
from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from escalation.domain.editing import KEY_PREFIX, WHOLE_JSON, EditField, join_fields
from escalation.errors import ResolutionInvalid

_YES_NO = {"yes": True, "no": False}


def form_fields(schema: Mapping[str, Any]) -> list[EditField]:
    """Return the fields of a form; one for the whole as JSON when the schema names no properties."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
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
    choices = asked.get("enum")
    kind = asked.get("type")
    options: tuple[str, ...] = ()
    if kind == "boolean":
        options = tuple(_YES_NO)
    elif isinstance(choices, list) and all(isinstance(choice, str) for choice in choices):
        options = tuple(choices)
    return EditField(
        name=KEY_PREFIX + key,
        label=str(asked.get("title") or key),
        text=_default(asked),
        is_json=not options and kind != "string",
        key=key,
        hint=str(asked.get("description", "")),
        options=options,
        is_required=is_required,
        is_yes_no=kind == "boolean",
    )


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
    if field.options or not field.is_json:
        if field.is_required and not text.strip():
            raise ResolutionInvalid(f"{field.label}: fill it in.")
        return text
    try:
        return read_json(text)
    except UnreadableJson as error:
        raise ResolutionInvalid(f"{field.label}: no number or JSON ({error}).") from None
