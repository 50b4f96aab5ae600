"""The state of an actor, as its turn sees it: what the turns before left, and what this answer will leave. Pure.

It is a memory of the actor's, under the key `state`. A turn sees the version that was there when it began, or what its
own earlier steps have made of it; who writes another meanwhile makes this answer a conflict: the step is done again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from pydantic import BaseModel, ValidationError

from agents.errors import MemoryRefused

STATE_KEY: Final = "state"


class StateCheck(Protocol):
    """What a state must meet."""

    def find_fault(self, value: Any, source: object, /) -> tuple[str, str] | None:
        """Return the JSON pointer and reason of the first fault."""


class KeptState:
    """What is kept for an actor between its turns.

    Args: value_json: of the version that the turn sees; None: nothing is kept yet.  version: its number, 0 for none.
    Attributes: check: what a new value must meet.  model: as what it is handed out, if the agent names one.
    """

    def __init__(self, value_json: str | None, version: int) -> None:
        self._value_json = value_json
        self.version = version
        self.check: StateCheck | None = None
        self.model: type[BaseModel] | None = None

    def __deepcopy__(self, _memo: object) -> KeptState:
        """A copy of a task keeps the same state."""
        return self

    def expect(self, check: StateCheck | None) -> None:
        """Take what the agent says of its state: a schema, or a model as which it is handed out."""
        self.check, self.model = check, getattr(check, "model", None)

    def read(self) -> Any:
        """Return the state: None, or the model's default if it has one, while nothing is kept.

        Raises: MemoryRefused: what is kept does not fit the model.
        """
        try:
            if self._value_json is None:
                return None if self.model is None or _needs_values(self.model) else self.model()
            if self.model is not None:
                return self.model.model_validate_json(self._value_json)
        except ValidationError as error:
            raise MemoryRefused(f"task.state: what is kept does not fit its schema: {error}") from error
        return json.loads(self._value_json)

    def accept(self, value: Any) -> Any:
        """Return a new state as JSON.

        Raises: MemoryRefused: it does not fit the schema.
        """
        plain = value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
        fault = None if self.check is None else self.check.find_fault(plain, value)
        if fault is not None:
            raise MemoryRefused(f"task.state{fault[0]}: {fault[1]}")
        return plain

    def replace(self, value_json: str) -> None:
        """See what this answer will leave."""
        self._value_json = value_json


def read_state_version(run_input: Mapping[str, Any]) -> int:
    """Return which version of its state was there when a turn began."""
    version: int = run_input.get("state_version", 0)
    return version


def _needs_values(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())
