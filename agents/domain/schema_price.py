"""What checking a value against a JSON Schema can cost at worst, known before it is done.

A schema is a graph: keywords that look at the same value (`allOf`, `$ref`) and keywords that look into it
(`properties`, `items`). What is applied to one place of a value is counted level by level, so that a schema that
doubles at each reference, or a recursive one that doubles at each level of the value, is known for it. All numbers
are upper bounds, in units of about 50 ns. Read first: `json_schema.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from math import inf
from typing import TYPE_CHECKING, Any, Final

from jsonschema_specifications import REGISTRY
from referencing import Registry, Specification
from referencing.exceptions import Unresolvable

from agents.domain.canonical import json_pointer

if TYPE_CHECKING:
    from referencing._core import Resolver

MAX_SUBSCHEMAS: Final = 5_000
MAX_APPLIED: Final = 20_000.0
"""Units for one place of a value by one subschema and all it refers to."""
MAX_CHAIN: Final = 50
"""References and `allOf` within each other at one place; the checking library recurses."""
MAX_LEVELS: Final = 32
_MAX_MERGED: Final = 100_000

_SAME_LISTS: Final = ("allOf", "anyOf", "oneOf")
_SAME: Final = ("not", "if", "then", "else")
_SAME_MAPS: Final = ("dependentSchemas", "dependencies")
_INTO_EACH: Final = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_INTO_ITEMS: Final = ("items", "prefixItems", "additionalItems", "unevaluatedItems", "contains")
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
_DEFINITIONS: Final = ("$defs", "definitions")
# What is evaluated is found by evaluating the subschemas beside it once more.
_UNEVALUATED_FACTOR: Final = 3
_ITEMS: Final = "\0items"
_EACH: Final = "\0each"
# What a pattern costs for each character when the engine can't keep its states, by the size of its program.
_TEXT_UNITS: Final = ((20_000, 16.0), (200_000, 140.0), (2_000_000, 1_400.0), (10_000_000, 7_000.0))
MAX_PATTERN_BYTES: Final = int(_TEXT_UNITS[-1][0])
MAX_PATTERNS_BYTES: Final = 20_000_000
"""All patterns of a schema together, as estimated: compiling them takes about a quarter of a second."""


class SchemaTooDear(ValueError):
    """The schema can't be priced or costs too much; says where and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Price:
    """What one value costs at each level of its nesting: for each value there, and for each character of text."""

    nodes: tuple[float, ...]
    characters: tuple[float, ...]
    has_branches: bool

    def estimate(self, levels: list[tuple[int, int]]) -> float:
        """Return the most units a value can cost; below the last level, nothing is applied.

        Args: levels: how many values and how many characters it has at each level.
        """
        if len(levels) > MAX_LEVELS + 1:
            return inf
        priced = zip(levels, self.nodes, self.characters, strict=False)
        return sum(values * each + length * character for (values, length), each, character in priced)


@dataclass(slots=True)
class _Node:
    """A subschema: what it costs by itself, and which others it applies to the same value or inside."""

    path: str
    own: float = 1.0
    text: float = 0.0
    same: list[int] = field(default_factory=list)
    into: dict[str, list[int]] = field(default_factory=dict)
    factor: int = 1


@dataclass(slots=True)
class _Closed:
    """A subschema with all that it applies to the same value."""

    cost: float
    text: float
    chain: int
    into: dict[str, Counter[int]]


class _Graph:
    """The subschemas of a schema, each once, found through keywords and references."""

    def __init__(self, schema: Mapping[str, Any], specification: Specification[Any]) -> None:
        self.nodes: list[_Node] = []
        self.has_branches = False
        self._pattern_bytes = 0.0
        self._specification = specification
        self._index: dict[int, int] = {}
        self._open: list[tuple[Mapping[str, Any], Resolver[Any], int]] = []
        registry: Registry[Any] = REGISTRY
        root = specification.create_resource(schema)
        self._anchors = _find_dynamic_anchors(schema)
        self._note(schema, registry.resolver_with_root(root), "")
        while self._open:
            self._read(*self._open.pop())

    def _note(self, schema: Any, resolver: Resolver[Any], path: str) -> list[int]:
        if not isinstance(schema, Mapping):
            return []
        known = self._index.get(id(schema))
        if known is None:
            known = self._index[id(schema)] = len(self.nodes)
            if known >= MAX_SUBSCHEMAS:
                raise SchemaTooDear("", f"it has more than {MAX_SUBSCHEMAS} subschemas; split it up")
            self.nodes.append(_Node(path))
            inside = resolver.in_subresource(self._specification.create_resource(schema))
            self._open.append((schema, inside if path else resolver, known))
        return [known]

    def _read(self, schema: Mapping[str, Any], resolver: Resolver[Any], index: int) -> None:
        node = self.nodes[index]
        self.has_branches |= any(name in schema for name in ("anyOf", "oneOf", "not", "contains"))
        node.own += sum(_size_own(name, value) for name, value in schema.items())
        if isinstance(schema.get("pattern"), str):
            node.text += self._price_pattern(schema["pattern"])
        if "unevaluatedProperties" in schema or "unevaluatedItems" in schema:
            node.factor = _UNEVALUATED_FACTOR
        for name, value in schema.items():
            path = f"{node.path}/{name}"
            if name in _SAME_LISTS or name in _SAME:
                node.same += self._note_all(value, resolver, path)
            elif name in _SAME_MAPS and isinstance(value, Mapping):
                node.same += self._note_all(list(value.values()), resolver, path)
            elif name in _REFERENCES and isinstance(value, str):
                node.same += self._follow(value, resolver, node.path, is_dynamic=name != "$ref")
            else:
                self._read_into(node, name, value, resolver)

    def _read_into(self, node: _Node, name: str, value: Any, resolver: Resolver[Any]) -> None:
        path = f"{node.path}/{name}"
        if name in _INTO_EACH or name in _INTO_ITEMS:
            place = _EACH if name in _INTO_EACH else _ITEMS
            node.into.setdefault(place, []).extend(self._note_all(value, resolver, path))
        elif name == "properties" and isinstance(value, Mapping):
            for key, inner in value.items():
                noted = self._note(inner, resolver, path + json_pointer([key]))
                node.into.setdefault(key, []).extend(noted)
        elif name == "patternProperties" and isinstance(value, Mapping):
            for key, inner in value.items():
                noted = self._note(inner, resolver, path + json_pointer([key]))
                self.nodes.append(_Node(path, own=4.0, text=self._price_pattern(key), same=noted))
                node.into.setdefault(_EACH, []).append(len(self.nodes) - 1)
        elif name in _DEFINITIONS and isinstance(value, Mapping):
            for key, inner in value.items():
                self._note(inner, resolver, path + json_pointer([key]))

    def _price_pattern(self, pattern: str) -> float:
        """Return what one character of a text costs at worst with a pattern."""
        size = estimate_pattern(pattern)
        self._pattern_bytes += size
        if self._pattern_bytes > MAX_PATTERNS_BYTES:
            raise SchemaTooDear("", "its patterns are too large together; count fewer repetitions")
        return next((units for most, units in _TEXT_UNITS if size <= most), _TEXT_UNITS[-1][1])

    def _note_all(self, value: Any, resolver: Resolver[Any], path: str) -> list[int]:
        if not isinstance(value, list):
            return self._note(value, resolver, path)
        return [at for i, inner in enumerate(value) for at in self._note(inner, resolver, f"{path}/{i}")]

    def _follow(self, reference: str, resolver: Resolver[Any], path: str, *, is_dynamic: bool) -> list[int]:
        try:
            found = resolver.lookup(reference)
        except (Unresolvable, ValueError) as error:
            raise SchemaTooDear(
                path,
                f"nothing is at {reference!r:.120}, and nothing is fetched; define it in the same schema "
                'under "$defs"',
            ) from error
        noted = self._note(found.contents, found.resolver, f"/{reference[:200]}")
        if is_dynamic:
            for anchored in self._anchors:
                noted += self._note(anchored, resolver, "/$dynamicAnchor")
        return noted


def price_schema(schema: Mapping[str, Any], specification: Specification[Any]) -> Price:
    """Return what values can cost with a schema whose form was checked.

    Raises: SchemaTooDear: a reference leads nowhere or in a circle, or one place of a value costs too much.
    """
    graph = _Graph(schema, specification)
    closed = _close(graph.nodes)
    nodes, characters = [closed[0].cost], [closed[0].text]
    costs, texts = [c.cost for c in closed], [c.text for c in closed]
    deep = [at for at, c in enumerate(closed) if c.into]
    for _ in range(MAX_LEVELS):
        if not any(costs) and not any(texts):
            break  # nothing is applied any deeper
        costs = _descend_all(closed, deep, costs)
        texts = _descend_all(closed, deep, texts) if any(texts) else texts
        nodes.append(costs[0])
        characters.append(texts[0])
    return Price(tuple(nodes), tuple(characters), graph.has_branches)


def _close(nodes: list[_Node]) -> list[_Closed]:
    """Return each subschema with all it applies to the same value."""
    sorter = TopologicalSorter({at: node.same for at, node in enumerate(nodes)})
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(nodes[at].path or "the top level" for at in error.args[1][:6])
        raise SchemaTooDear(
            nodes[error.args[1][0]].path, f"it refers to itself without end: {circle}"
        ) from error
    closed: dict[int, _Closed] = {}
    merged = 0
    for at in order:
        node = nodes[at]
        inner = [closed[other] for other in node.same]
        into = {place: Counter(others) for place, others in node.into.items()}
        for other in inner:
            for place, counts in other.into.items():
                into.setdefault(place, Counter()).update(counts)
                merged += len(counts)
        one = _Closed(
            (node.own + sum(other.cost for other in inner)) * node.factor,
            (node.text + sum(other.text for other in inner)) * node.factor,
            1 + max((other.chain for other in inner), default=0),
            into,
        )
        if one.cost > MAX_APPLIED or merged > _MAX_MERGED:
            raise SchemaTooDear(
                node.path, "its parts apply each other too often; write it with fewer branches"
            )
        if one.chain > MAX_CHAIN:
            raise SchemaTooDear(
                node.path, f"it refers on and on, more than {MAX_CHAIN} times; refer directly"
            )
        closed[at] = one
    return [closed[at] for at in range(len(nodes))]


def _descend_all(closed: list[_Closed], deep: list[int], below: list[float]) -> list[float]:
    costs = [0.0] * len(closed)
    for at in deep:
        costs[at] = _descend(closed[at], below)
    return costs


def _descend(closed: _Closed, below: list[float]) -> float:
    """Return what the dearest place inside a value costs, where `below` says what each subschema costs there."""
    sums = {
        place: sum(count * below[at] for at, count in counts.items()) for place, counts in closed.into.items()
    }
    each = sums.pop(_EACH, 0.0)
    return max(sums.pop(_ITEMS, 0.0), each + max(sums.values(), default=0.0))


def estimate_pattern(pattern: str) -> float:
    """Return about how many bytes a pattern's program has: a counted repetition is written out."""
    size = (
        40.0 * len(pattern)
        + 500.0 * sum(map(pattern.count, (".", "[^", "\\")))
        + 20_000.0 * pattern.count("\\p")
    )
    for count in _read_counts(pattern):
        size *= max(1, count)
    return size


def _read_counts(pattern: str) -> Iterator[int]:
    for piece in pattern.split("{")[1:]:
        numbers = piece.partition("}")[0].split(",")
        yield max(
            (int(number[:6]) for number in numbers if number.isascii() and number.isdecimal()), default=1
        )


def _size_own(name: str, value: Any) -> float:
    """Return what a keyword costs by itself: names and whole numbers are looked up, fractions compared exactly."""
    if name in {"enum", "required"} and isinstance(value, list):
        return 2.0 if _is_looked_up(value) else 2.0 + 100.0 * len(value)
    return 100.0 if isinstance(value, float) else 1.0


def _is_looked_up(values: list[Any]) -> bool:
    kinds = {type(value) for value in values}
    return kinds <= {str} or kinds <= {int}


def _find_dynamic_anchors(schema: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    rest = [schema]
    while rest:
        node = rest.pop()
        if isinstance(node, Mapping):
            if "$dynamicAnchor" in node or node.get("$recursiveAnchor") is True:
                found.append(node)
            rest += node.values()
        elif isinstance(node, list):
            rest += node
    return found
