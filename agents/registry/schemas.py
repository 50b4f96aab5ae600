"""Schemas of inputs and outputs, JSON Schema or pydantic models, compiled once at declaration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import exceptions, validators
from jsonschema.protocols import Validator
from pydantic import BaseModel, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from agents.domain.canonical import json_pointer
from agents.domain.catalogue import SchemaCheck
from agents.domain.invocation import JSON
from agents.errors import AgentRefused

# Without retrieval: a schema never makes this process fetch something from elsewhere.
_NO_RETRIEVAL: Registry[Any] = Registry()


@dataclass(frozen=True, slots=True)
class JsonSchemaCheck:
    """A check against a JSON Schema."""

    json_schema: Mapping[str, Any]
    validator: Validator

    def find_fault(self, value: JSON, _source: object, /) -> tuple[str, str] | None:
        """Return the JSON pointer and reason of the most telling fault."""
        errors = list(self.validator.iter_errors(value))
        if not errors:
            return None
        fault = exceptions.best_match(errors)
        return json_pointer(list(fault.absolute_path)), fault.message


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """A check against a pydantic model."""

    json_schema: Mapping[str, Any]
    model: type[BaseModel]

    def find_fault(self, value: JSON, source: object, /) -> tuple[str, str] | None:
        """Return the JSON pointer and reason of the first fault."""
        if isinstance(source, self.model):
            # It was checked when it was made; and its dump need not be its own input (computed fields).
            return None
        try:
            # As JSON text, for which a strict model still reads dates and enums.
            self.model.model_validate_json(json.dumps(value))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return json_pointer(list(first["loc"])), first["msg"]
        return None


def compile_schema(name: str, argument: str, schema: object) -> SchemaCheck | None:
    """Compile a schema, or refuse it with the agent's and the argument's name.

    Args:
        name: the agent.
        argument: `input_schema` or `output_schema`.
        schema: a JSON Schema as a mapping, a pydantic model class, or None.

    Raises:
        AgentRefused: it is neither, or not a valid schema.
    """
    if schema is None:
        return None
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return ModelCheck(schema.model_json_schema(), schema)
    if isinstance(schema, Mapping):
        return _compile_json_schema(f"agent {name}: {argument}", schema)
    raise AgentRefused(
        f"agent {name}: {argument} is {schema!r:.80}; give a JSON Schema (dict) or a pydantic model class"
    )


def _compile_json_schema(where: str, schema: Mapping[str, Any]) -> JsonSchemaCheck:
    try:
        # A copy: what the author changes later must not change a contract that was checked.
        copied: dict[str, Any] = json.loads(json.dumps(schema))
    except (TypeError, ValueError) as error:
        raise AgentRefused(f"{where} is not JSON: {error}") from None
    validator_class = validators.validator_for(copied, default=validators.Draft202012Validator)
    try:
        validator_class.check_schema(copied)
    except exceptions.SchemaError as error:
        at = json_pointer(list(error.absolute_path)) or "the top level"
        raise AgentRefused(f"{where} is not a valid JSON Schema at {at}: {error.message}") from None
    _check_references(where, copied)
    return JsonSchemaCheck(copied, validator_class(copied, registry=_NO_RETRIEVAL))


def _check_references(where: str, schema: dict[str, Any]) -> None:
    resolver = _NO_RETRIEVAL.with_resource("", DRAFT202012.create_resource(schema)).resolver()
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise AgentRefused(
                f'{where}: nothing is at $ref {reference!r:.120}; define it in the same schema under "$defs"'
            ) from None


def _references(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for child in children:
        yield from _references(child)
