"""JSON Schema: the one place where schemas are read and values are checked against them.

A schema is somebody's data: it fetches nothing, it is bounded in size and in what it can cost, its patterns run in
linear time, and its dialect is the one that `$schema` names. Decimal fractions are compared as they are written, so
that 4.02 is a multiple of 0.01. Read next: `schema_price.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import jsonschema_rs
from pydantic import BaseModel
from referencing import Specification
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from agents.domain.canonical import check_json, json_pointer
from agents.domain.schema_price import MAX_PATTERN_BYTES, Price, SchemaTooDear, price_schema
from agents.errors import UnreadableOutput

MAX_SCHEMA_BYTES: Final = 262_144
MAX_SCHEMA_NESTING: Final = 64
MAX_WORK: Final = 40_000_000.0
"""Units for one value, about two seconds at the very worst; usual schemas stay far below for the largest values."""
_MAX_TELLING: Final = 300_000.0
"""Where a schema has branches, the words cost far more than the answer: above this, only the answer is given."""
_MAX_WORDS: Final = 400
_MAX_KEPT: Final = 256
# At most so many values stand in a text of a mebibyte, and so many characters.
_MOST_VALUES: Final = 524_288
_MOST_CHARACTERS: Final = 1_048_576

_Answer = TypeVar("_Answer")

_DIALECTS: Final[Mapping[str, Specification[Any]]] = {
    "https://json-schema.org/draft/2020-12/schema": DRAFT202012,
    "https://json-schema.org/draft/2019-09/schema": DRAFT201909,
    "http://json-schema.org/draft-07/schema": DRAFT7,
    "http://json-schema.org/draft-06/schema": DRAFT6,
    "http://json-schema.org/draft-04/schema": DRAFT4,
}


class SchemaInvalid(ValueError):
    """The text is not a schema that values can be checked against; says where and why.

    Attributes: path: JSON pointer into the schema, empty for the whole.  reason: in words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"at {path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


def describe_model(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a pydantic model.

    Raises: SchemaInvalid: it has none, such as where a field is a function.
    """
    try:
        return model.model_json_schema()
    except Exception as error:  # whatever anybody's fields and methods raise
        why = str(error).partition("\n")[0] or type(error).__name__
        raise SchemaInvalid(
            "",
            f"the model {model.__name__} has none ({why[:_MAX_WORDS]}); its fields must be what JSON can hold",
        ) from error


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A schema that was checked, ready for values."""

    validator: jsonschema_rs.Validator
    price: Price

    def find_fault(self, value: Any) -> tuple[str, str] | None:
        """Return the JSON pointer and reason of a fault of a value; None if it fits."""
        try:
            work = self._estimate(value)
            if work > MAX_WORK:
                return (
                    "",
                    "too large or too deep to be checked: the schema applies too much to each of its values",
                )
            if self.validator.is_valid(value):
                return None
            if self.price.has_branches and work > _MAX_TELLING:
                return "", "does not fit the schema; it is too large to say where"
            return self._describe(value)
        except (TypeError, ValueError, RecursionError) as error:
            return "", f"can't be checked, it is no plain JSON: {str(error)[:_MAX_WORDS]}"
        except BaseException as error:  # noqa: BLE001 - only a panic stays here
            return "", _describe_panic(error)

    def _estimate(self, value: Any) -> float:
        most = max(self.price.nodes) * _MOST_VALUES + max(self.price.characters) * _MOST_CHARACTERS
        limit = _MAX_TELLING if self.price.has_branches else MAX_WORK
        return most if most <= limit else self.price.estimate(_measure(value))

    def _describe(self, value: Any) -> tuple[str, str] | None:
        try:
            self.validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            telling = _most_telling(error)
            return _shorten(json_pointer(telling.instance_path)), _shorten(telling.message)
        return None


def compile_schema(schema: Mapping[str, Any]) -> CompiledSchema:
    """Check a schema and make it ready; the same schema is compiled once.

    Raises: SchemaInvalid.
    """
    try:
        text = json.dumps(schema, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaInvalid("", f"it is not JSON: {str(error)[:_MAX_WORDS]}") from error
    return _compile_text(text)


def find_fault(schema: Mapping[str, Any], value: Any) -> tuple[str, str] | None:
    """Return the JSON pointer and reason of a fault of a value; None if it fits.

    Raises: SchemaInvalid: the schema itself is none.
    """
    return compile_schema(schema).find_fault(value)


@lru_cache(maxsize=_MAX_KEPT)
def _compile_text(text: str) -> CompiledSchema:
    if len(text) > MAX_SCHEMA_BYTES:
        raise SchemaInvalid("", f"it has {len(text)} bytes, at most {MAX_SCHEMA_BYTES} are allowed")
    schema: dict[str, Any] = json.loads(text)
    try:
        check_json(schema, max_depth=MAX_SCHEMA_NESTING)
    except UnreadableOutput as error:
        raise SchemaInvalid(_shorten(error.path), error.reason) from error
    specification = _find_dialect(schema)
    _guard(jsonschema_rs.meta.validate, schema)
    try:
        price = price_schema(schema, specification)
    except SchemaTooDear as error:
        raise SchemaInvalid(_shorten(error.path), error.reason) from error
    except ValueError as error:
        raise SchemaInvalid("", f'an "$id" or "id" is no address: {_shorten(str(error))}') from error
    # Last, because patterns are compiled here.
    return CompiledSchema(_guard(_build, schema), price)


def _find_dialect(schema: Mapping[str, Any]) -> Specification[Any]:
    named = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    found = _DIALECTS.get(named.rstrip("#")) if isinstance(named, str) else None
    if found is None:
        known = ", ".join(f'"{name}"' for name in _DIALECTS)
        raise SchemaInvalid("/$schema", f"{named!r:.120} is not supported; choose one of {known}")
    return found


def _build(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        schema,
        # Linear in the text, whatever the pattern; what needs to look around or back is refused.
        pattern_options=jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES, dfa_size_limit=1_000_000),
        validate_formats=False,
        offline=True,
    )


def _guard(call: Callable[[dict[str, Any]], _Answer], schema: dict[str, Any]) -> _Answer:
    try:
        return call(schema)
    except jsonschema_rs.ValidationError as error:
        raise SchemaInvalid(_shorten(json_pointer(error.instance_path)), _say_why(error)) from error
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        raise SchemaInvalid("", _shorten(str(error))) from error
    except BaseException as error:
        raise SchemaInvalid("", _describe_panic(error)) from error


def _say_why(error: jsonschema_rs.ValidationError) -> str:
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Format):
        return (
            f"{_shorten(json.dumps(error.instance))} is not a pattern that can be used: it is wrong, too large, or "
            "looks around or back"
        )
    message = _shorten(error.message.partition(" and retrieving it failed")[0])
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Referencing):
        return f'{message}; nothing is fetched: define it in the same schema under "$defs"'
    return message


def _most_telling(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Return the fault inside the only branch that comes close: the one whose own faults lie deeper in the value."""
    kinds = jsonschema_rs.ValidationErrorKind
    while isinstance(error.kind, kinds.AnyOf | kinds.OneOfNotValid):
        depth = len(error.instance_path)
        close = [
            branch
            for branch in error.kind.context
            if branch and all(len(fault.instance_path) > depth for fault in branch)
        ]
        if len(close) != 1:
            return error
        error = close[0][0]
    return error


def _measure(value: Any) -> list[tuple[int, int]]:
    """Return how many values and characters stand at each level of a value."""
    levels: list[tuple[int, int]] = []
    here: list[Any] = [value]
    characters = 0
    while here:
        below: list[Any] = []
        names = 0
        for one in here:
            if isinstance(one, str):
                characters += len(one)
            elif isinstance(one, Mapping):
                below += one.values()
                names += sum(map(len, one))
            elif isinstance(one, list | tuple):
                below += one
        levels.append((len(here), characters))
        here, characters = below, names
    return levels


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_WORDS else f"{text[: _MAX_WORDS // 2]} ... {text[-_MAX_WORDS // 2 :]}"


def _describe_panic(error: BaseException) -> str:
    # A panic of the library comes as a BaseException; what else ends a thread or a process is raised on.
    if type(error).__name__ != "PanicException":
        raise error
    return f"the schema library gave up on it ({str(error)[:100]})"
