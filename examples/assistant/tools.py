"""What the model may call. What a tool raises as `ModelRetry` is told to the model, which may then ask the customer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic_ai import ApprovalRequired, ModelRetry, RunContext

from agents import Call
from examples.assistant.errors import AssistantError
from examples.assistant.refunds import needs_person, pay_back, read_euro
from examples.assistant.shop import open_shop


def find_order(ctx: RunContext[Call], order: str) -> dict[str, Any]:
    """Look up an order of the customer who writes: what was bought, what was paid, where it is.

    Args:
        order: its number, as 1042.
    """
    with _told_to_model():
        found = open_shop().find_order(order, _find_customer(ctx))
    return {
        "order": found.number,
        "item": found.item,
        "euro": float(found.euro),
        "status": found.status,
    }


def check_stock(product: str) -> dict[str, Any]:
    """Look up whether a product can be bought now, and what it costs.

    Args:
        product: its name, or words of it.
    """
    with _told_to_model():
        found = open_shop().find_product(product)
    return {"product": found.name, "pieces": found.pieces, "euro": float(found.euro)}


def refund(ctx: RunContext[Call], order: str, euro: float, reason: str) -> dict[str, Any]:
    """Pay money back for an order of the customer who writes. Above 50 euro a person is asked first.

    Args:
        order: its number, as 1042.
        euro: how much, at most what was paid for it.
        reason: why, in one sentence.
    """
    call, is_approved = ctx.deps, ctx.tool_call_approved
    with _told_to_model():
        found, amount = open_shop().find_order(order, _find_customer(ctx)), read_euro(euro)
        if not is_approved and needs_person(found, amount, key=call.key):
            raise ApprovalRequired
        paid = pay_back(found, amount, reason, key=call.key, run_id=call.task.run_id, is_approved=is_approved)
    return {"order": found.number, "refunded": float(paid)}


def _find_customer(ctx: RunContext[Call]) -> str:
    """Return who writes, as the run was started: what a message says of it is only a claim."""
    return str(ctx.deps.task.input["customer"])


@contextmanager
def _told_to_model() -> Iterator[None]:
    try:
        yield
    except AssistantError as error:
        raise ModelRetry(str(error)) from error
