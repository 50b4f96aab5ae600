"""Fields from a JSON Schema: texts, numbers and choices, objects as groups, lists as rows. Pure.

A value is shown in them only if they would give back the very same value; whatever would not (a type the schema does
not know, text that hides something, a mixture) is typed as JSON instead. Names are JSON pointers, so that a page can
add rows. Read next: `form.py`, which asks for these fields.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from escalation.domain.editing import KEY_PREFIX, EditField
from escalation.domain.schema_words import (
    YES_NO,
    find_bounds,
    find_default,
    find_kind,
    find_options,
    find_type,
    write_exactly,
    write_value,
)
from escalation.errors import ResolutionInvalid
from orchestration.domain.visible import is_unseen, pretty_json

NOTHING: Final[Any] = object()
"""Stands for a value that is not there."""
ROWS: Final = "rows:"
"""Before the name of a list: the page shows it, so that rows which are not sent were removed."""
DROP: Final = "drop:"
"""Before the name of a row: it is ticked to be removed."""
_NEW: Final = "+"
MOST_FIELDS: Final = 200
"""More are no form any more, and Django refuses forms of more than a thousand fields."""
_MOST_ROWS: Final = 100
_DEEPEST: Final = 4
_MOST_HOPS: Final = 8
_LEADING: Final = re.compile(r"\A\+?(-?)0*(?=\d)")
_OWN_WORDS: Final = ("title", "description", "default")


class TooManyFields(Exception):
    """The schema asks for more fields than a form has."""


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """The fields of an object, or the rows of a list.

    Attributes:
        name: of the part, as its fields begin.  label, hint: as the page shows it.  key: of the property.
        members: the fields and groups within; of a list, its rows.
        blank: of a list: one more row, named with a sign in the place of its number; None for an object.
        is_kept: it is there even if nothing stands in it.
    """

    name: str
    label: str
    key: str
    members: "tuple[Node, ...]"
    hint: str = ""
    blank: "Node | None" = None
    is_required: bool = False
    is_kept: bool = False

    @property
    def is_group(self) -> bool:
        """Tell it from a field."""
        return True

    @property
    def next_number(self) -> int:
        """Return the number of a row that is added."""
        return 1 + max((_number_of(self.name, row.name) for row in self.members), default=-1)

    @property
    def another(self) -> "Node | None":
        """Return the empty row that stands behind the others."""
        return _renumber(self.blank, self.name, self.next_number) if self.blank else None


Node = EditField | FieldGroup


def build_nodes(schema: Mapping[str, Any], value: Any = NOTHING) -> list[Node]:
    """Return the nodes of an object's properties, required ones first; filled with a value, if there is one.

    Raises: TooManyFields.
    """
    return list(_Builder(schema).build_members(schema, KEY_PREFIX, value, 0, shows_defaults=value is NOTHING))


def walk(nodes: Sequence[Node]) -> Iterator[EditField]:
    """Yield all fields, those within groups and rows among them."""
    for node in nodes:
        if isinstance(node, EditField):
            yield node
        else:
            yield from walk(node.members)


def fill(nodes: Sequence[Node], typed: Mapping[str, str], *, unsent: str | None = None) -> list[Node]:
    """Return the nodes with what was typed; rows that were removed or never filled are gone.

    Args: unsent: what stands in a field that was not sent; None: what stood there.
    """
    return [_fill(node, typed, unsent) for node in nodes]


def read_nodes(nodes: Sequence[Node], where: str = "") -> dict[str, Any]:
    """Return the object that filled nodes stand for; what is empty and need not be there is left out.

    Raises: ResolutionInvalid: names the field and, in JSON, line and column.
    """
    read = {node.key: _read(node, where) for node in nodes}
    return {key: value for key, value in read.items() if value is not NOTHING}


class _Builder:
    """Builds nodes and counts them: schemas may name themselves."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MOST_FIELDS

    def build_members(
        self, schema: Mapping[str, Any], prefix: str, value: Any, depth: int, *, shows_defaults: bool
    ) -> Iterator[Node]:
        properties = schema["properties"]
        # Specs are kept with their keys sorted: only the list of what is required still has its author's order.
        required = [key for key in schema.get("required", []) if key in properties]
        for key in dict.fromkeys((*required, *properties)):
            own = value if value is NOTHING else value.get(key, NOTHING)
            yield self._build(
                f"{prefix}{_escape(key)}",
                key,
                properties[key],
                own,
                depth,
                is_required=key in required,
                shows_defaults=shows_defaults,
            )

    def _build(
        self,
        name: str,
        key: str,
        asked: Any,
        value: Any,
        depth: int,
        *,
        is_required: bool,
        shows_defaults: bool,
    ) -> Node:
        self._left -= 1
        if self._left < 0:
            raise TooManyFields
        asked = self._resolve(asked)
        node = self._build_group(
            name, key, asked, value, depth, is_required=is_required, shows_defaults=shows_defaults
        ) or _leaf(name, key, asked, value, is_required=is_required, shows_defaults=shows_defaults)
        if value is NOTHING or _gives_back(node, value):
            return node
        return replace(
            _leaf(name, key, {}, NOTHING, is_required=is_required, shows_defaults=False),
            label=node.label,
            hint=node.hint,
            text=pretty_json(value),
        )

    def _build_group(
        self,
        name: str,
        key: str,
        asked: Mapping[str, Any],
        value: Any,
        depth: int,
        *,
        is_required: bool,
        shows_defaults: bool,
    ) -> FieldGroup | None:
        if depth >= _DEEPEST:
            return None
        words = {"label": str(asked.get("title") or key), "hint": str(asked.get("description", ""))}
        kept = {"is_required": is_required, "is_kept": value is not NOTHING}
        type_, properties, items = find_type(asked), asked.get("properties"), asked.get("items")
        if type_ in {"object", ""} and isinstance(properties, Mapping) and properties:
            if value is not NOTHING and not (isinstance(value, dict) and value.keys() <= properties.keys()):
                return None
            # A default within something that need not be there would always be there.
            inner = shows_defaults and is_required
            members = self.build_members(asked, f"{name}/", value, depth + 1, shows_defaults=inner)
            return FieldGroup(name, members=tuple(members), key=key, **words, **kept)  # type: ignore[arg-type]
        if type_ == "array" and isinstance(items, Mapping) and items:
            if value is not NOTHING and not (isinstance(value, list) and len(value) <= _MOST_ROWS):
                return None
            found = [] if value is NOTHING else value
            rows = tuple(self._build_row(f"{name}/{n}", n, items, one, depth) for n, one in enumerate(found))
            blank = self._build_row(f"{name}/{_NEW}", None, items, NOTHING, depth)
            return FieldGroup(name, members=rows, key=key, blank=blank, **words, **kept)  # type: ignore[arg-type]
        return None

    def _build_row(self, name: str, number: int | None, items: Any, value: Any, depth: int) -> Node:
        row = self._build(name, "", items, value, depth + 1, is_required=False, shows_defaults=False)
        return replace(row, label="new" if number is None else str(number + 1), is_kept=False)

    def _resolve(self, asked: Any) -> Mapping[str, Any]:
        """Return what a property asks for behind its references, and without the null that it may be instead."""
        for _ in range(_MOST_HOPS):
            if not isinstance(asked, Mapping):
                return {}
            inner = self._find_reference(asked)
            if inner is None:
                return asked
            asked = {**inner, **{word: asked[word] for word in _OWN_WORDS if word in asked}}
        return {}

    def _find_reference(self, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
        reference = asked.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            found: Any = self._root
            for token in reference[2:].split("/"):
                plain = token.replace("~1", "/").replace("~0", "~")
                found = found.get(plain) if isinstance(found, Mapping) else None
            return found if isinstance(found, Mapping) else {}
        either = asked.get("anyOf")
        others = [one for one in either if one != {"type": "null"}] if isinstance(either, list) else []
        return others[0] if len(others) == 1 and isinstance(others[0], Mapping) else None


def _leaf(
    name: str, key: str, asked: Mapping[str, Any], value: Any, *, is_required: bool, shows_defaults: bool
) -> EditField:
    type_ = find_type(asked)
    options, are_texts = find_options(asked, type_)
    kind = "" if options else find_kind(asked, type_)
    is_json = type_ not in {"boolean", "string"} and not are_texts
    text = (
        (find_default(asked) if shows_defaults else "")
        if value is NOTHING
        else write_value(value, is_json=is_json)
    )
    return EditField(
        name=name,
        label=str(asked.get("title") or key),
        text=text,
        is_json=is_json,
        key=key,
        hint=str(asked.get("description", "")),
        options=options,
        is_required=is_required,
        is_yes_no=type_ == "boolean",
        kind=kind,
        bounds=tuple(find_bounds(asked, type_)) if kind == "number" else (),
        is_kept=value is not NOTHING,
    )


def _gives_back(node: Node, value: Any) -> bool:
    """Tell whether a node that nobody touched stands for the very value, and hides nothing of it."""
    texts = (field for field in walk([node]) if not field.is_json)
    if any(is_unseen(character) for field in texts for character in field.text):
        return False
    if isinstance(node, EditField) and node.options and node.text not in node.options:
        return False
    try:
        given = _read(node, "")
    except ResolutionInvalid:
        return False
    return given is not NOTHING and write_exactly(given) == write_exactly(value)


def _fill(node: Node, typed: Mapping[str, str], unsent: str | None) -> Node:
    if isinstance(node, EditField):
        text = typed.get(node.name, node.text if unsent is None else unsent)
        return replace(node, text=text.replace("\r\n", "\n"))
    if node.blank is None:
        return replace(node, members=tuple(_fill(member, typed, unsent) for member in node.members))
    rows = node.members
    if ROWS + node.name in typed:
        known = {_number_of(node.name, row.name): row for row in rows}
        numbers = sorted({_number_of(node.name, name) for name in typed} - {-1})[: _MOST_ROWS + 1]
        rows = tuple(known.get(n) or _renumber(node.blank, node.name, n) for n in numbers)
    elif unsent is not None:
        rows = ()
    filled = (_fill(row, typed, unsent) for row in rows if DROP + row.name not in typed)
    return replace(node, members=tuple(row for row in filled if not _is_empty(row)))


def _read(node: Node, where: str) -> Any:
    if isinstance(node, EditField):
        if node.is_kept and node.kind == "" and not (node.is_json or node.options):
            return node.text
        return _read_field(node, where) if node.text.strip() or node.is_required else NOTHING
    if _is_empty(node) and not (node.is_required or node.is_kept):
        return NOTHING
    inner = f"{where}{node.label}, "
    if node.blank is None:
        return read_nodes(node.members, inner)
    return [read for row in node.members if (read := _read(row, inner)) is not NOTHING]


def _read_field(field: EditField, where: str) -> Any:
    label, text = f"{where}{field.label}", field.text
    if field.is_yes_no:
        if text not in YES_NO:
            raise ResolutionInvalid(f"{label}: choose yes or no.")
        return YES_NO[text]
    if field.is_required and not text.strip():
        raise ResolutionInvalid(f"{label}: fill it in.")
    if not field.is_json:
        return text
    try:
        # Browsers take and send 007 and +7 as numbers, JSON does not.
        return read_json(_LEADING.sub(r"\1", text.strip()) if field.kind == "number" else text)
    except UnreadableJson as error:
        raise ResolutionInvalid(f"{label}: no number or JSON ({error}).") from None


def _is_empty(node: Node) -> bool:
    return not any(field.text.strip() for field in walk([node]))


def _number_of(name: str, inner: str) -> int:
    """Return the number of the row of a list to which a name belongs; -1 for none."""
    if not inner.startswith(f"{name}/"):
        return -1
    number = inner[len(name) + 1 :].partition("/")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 5 else -1


def _renumber(node: Node, list_name: str, number: int) -> Node:
    """Return a blank row with its place in the names."""
    return _rename(node, f"{list_name}/{_NEW}", f"{list_name}/{number}", str(number + 1))


def _rename(node: Node, old: str, new: str, label: str) -> Node:
    name = new + node.name[len(old) :]
    if isinstance(node, EditField):
        return replace(node, name=name, label=label or node.label)
    members = tuple(_rename(member, old, new, "") for member in node.members)
    blank = _rename(node.blank, old, new, "") if node.blank else None
    return replace(node, name=name, label=label or node.label, members=members, blank=blank)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
