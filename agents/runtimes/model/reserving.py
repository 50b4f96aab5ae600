"""What a request to a model may use at most, told before it is made; what cannot be told is said to be so."""

from __future__ import annotations

from decimal import Decimal

from pydantic_ai.durable_exec import DurableOperationId, ModelRequestId

from agents.domain.invocation import Task
from agents.domain.model_specs import DEFAULT_MAX_TOKENS
from agents.domain.scripts import Script
from agents.domain.usage import BudgetLeft, Reservation
from agents.errors import ModelUnknown
from agents.providers import estimate_cost, find_spec
from agents.runtimes.model.names import find_override
from agents.runtimes.model.requests import estimate_tokens


def reserve(
    task: Task, operation: DurableOperationId, model: str, key: tuple[object, ...]
) -> Reservation | None:
    """Return what a request may use at most; None where nothing limits it, and it is not counted."""
    if not isinstance(operation, ModelRequestId) or task.budget == BudgetLeft():
        return None
    given, most = estimate_tokens(key, _find_most(model))
    return Reservation(given + most, _price(model, given, most))


def _find_most(model: str) -> int:
    """Return how many tokens may come out where the agent does not say: what the model is built with."""
    try:
        return find_spec(model).max_tokens
    except ModelUnknown:
        return DEFAULT_MAX_TOKENS


def _price(model: str, given: int, most: int) -> int | None:
    lent = find_override(model)
    if isinstance(lent, Script):
        return int(Decimal(lent.cost_usd) * 1_000_000)
    try:
        return estimate_cost(model, given, most)
    except ModelUnknown:
        return None
