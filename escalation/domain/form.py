"""The form in which an output is typed: from the schema of the step's form, or of the agent's output.

Read next: `fieldset.py`, for the fields; `editing.py`, for outputs without a schema.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.domain.json_schema import find_fault
from escalation.domain.editing import (
    REST_JSON,
    WHOLE_JSON,
    EditField,
    join_fields,
    parse_object,
    split_fields,
)
from escalation.domain.fieldset import DROP, NOTHING, ROWS, Node, TooManyFields, build_nodes, fill, read_nodes
from escalation.errors import ResolutionInvalid
from orchestration.domain.visible import is_unseen, pretty_json


def form_fields(schema: Mapping[str, Any]) -> list[Node]:
    """Return the fields of a form; one for the whole as JSON when the schema names no properties, or too many."""
    return _build(schema, NOTHING) or [EditField(WHOLE_JSON, "Output as JSON", "", is_json=True)]


def read_form(schema: Mapping[str, Any], typed: Mapping[str, str]) -> Any:
    """Return the output that a filled form stands for; an empty field that is not required is left out.

    Raises: ResolutionInvalid: names the field.
    """
    nodes = _build(schema, NOTHING)
    if nodes is None:
        return join_fields(None, typed)
    return read_nodes(fill(nodes, typed, unsent=""))


def output_fields(schema: Mapping[str, Any] | None, proposal: Any) -> list[Node]:
    """Return the fields in which a proposal is edited: those of its agent's schema, as far as it fits them."""
    nodes = _build(schema, proposal) if schema is not None else None
    return list(split_fields(proposal)) if nodes is None else nodes


def read_output(schema: Mapping[str, Any] | None, proposal: Any, typed: Mapping[str, str]) -> Any:
    """Return the output that the typed fields stand for; a field that was not sent keeps what was proposed.

    Raises: ResolutionInvalid: names the field and, in JSON, line and column.
    """
    nodes = _build(schema, proposal) if schema is not None else None
    if nodes is None:
        return join_fields(proposal, typed)
    filled = fill(nodes, typed)
    rest = [field for field in filled if field.name == REST_JSON and isinstance(field, EditField)]
    read = read_nodes([node for node in filled if node.name != REST_JSON])
    for field in rest:
        more = parse_object(field.label, field.text)
        if more.keys() & read.keys():
            twice = ", ".join(sorted(more.keys() & read.keys()))
            raise ResolutionInvalid(f"{field.label}: {twice} has a field of its own; change it there.")
        read |= more
    return read


def is_edited(schema: Mapping[str, Any] | None, proposal: Any, typed: Mapping[str, str]) -> bool:
    """Tell whether the typed fields stand for something else than what was proposed, or for nothing that can be read.

    Fields that were not touched are no edit, even where the proposal lacks what its schema asks for.
    """
    nodes = output_fields(schema, proposal)
    if fill(nodes, typed) == nodes:
        return False
    try:
        return bool(read_output(schema, proposal, typed) != proposal)
    except ResolutionInvalid:
        return True


def is_typed(name: str, nodes: Sequence[Node]) -> bool:
    """Tell whether something that was sent is of the output's fields."""
    names = {node.name for node in nodes}
    bare = name.removeprefix(ROWS).removeprefix(DROP)
    return bare in names or any(bare.startswith(f"{one}/") for one in names)


def check_form(schema: Mapping[str, Any] | None, output: Any) -> None:
    """Refuse an output that does not fit the form it was asked for by.

    Raises: ResolutionInvalid: names the field.
    """
    if schema is None:
        return
    fault = find_fault(schema, output)
    if fault is not None:
        raise ResolutionInvalid(f"output{fault[0]}: {fault[1]}")


def _build(schema: Mapping[str, Any], value: Any) -> list[Node] | None:
    """Return the nodes of a schema, filled with a value; None where they would be no form."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties or not _can_be_read(properties):
        return None
    if value is not NOTHING and not isinstance(value, dict):
        return None
    try:
        nodes = build_nodes(schema, value)
    except TooManyFields:
        return None
    rest = {} if value is NOTHING else {key: one for key, one in value.items() if key not in properties}
    if rest:
        nodes.append(EditField(REST_JSON, "Everything else, as JSON", pretty_json(rest), is_json=True))
    return nodes


def _can_be_read(properties: Mapping[str, Any]) -> bool:
    # A key that can't be seen would be an unreadable label.
    return not any(is_unseen(character) or character == "\n" for key in properties for character in key)
