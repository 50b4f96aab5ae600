"""Schemas of inputs and outputs, JSON Schema or pydantic models, compiled once at declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from agents.domain.canonical import json_pointer
from agents.domain.catalogue import SchemaCheck
from agents.domain.invocation import JSON
from agents.domain.json_schema import CompiledSchema, SchemaInvalid, describe_model
from agents.domain.json_schema import compile_schema as compile_json_schema
from agents.errors import AgentRefused


@dataclass(frozen=True, slots=True)
class JsonSchemaCheck:
    """A check against a JSON Schema."""

    json_schema: Mapping[str, Any]
    compiled: CompiledSchema

    def find_fault(self, value: JSON, _source: object, /) -> tuple[str, str] | None:
        """Return the JSON pointer and reason of a fault."""
        return self.compiled.find_fault(value)


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
        try:
            return ModelCheck(describe_model(schema), schema)
        except SchemaInvalid as error:
            raise AgentRefused(f"agent {name}: {argument}: {error.reason}") from None
    if isinstance(schema, Mapping):
        return _compile_json_schema(f"agent {name}: {argument}", schema)
    raise AgentRefused(
        f"agent {name}: {argument} is {schema!r:.80}; give a JSON Schema (dict) or a pydantic model class"
    )


def _compile_json_schema(where: str, schema: Mapping[str, Any]) -> JsonSchemaCheck:
    try:
        # A copy: what the author changes later must not change a contract that was checked.
        copied: dict[str, Any] = json.loads(json.dumps(schema))
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentRefused(f"{where} is not JSON: {error}") from None
    try:
        return JsonSchemaCheck(copied, compile_json_schema(copied))
    except SchemaInvalid as error:
        at = error.path or "the top level"
        raise AgentRefused(f"{where} is not a valid JSON Schema at {at}: {error.reason}") from None
