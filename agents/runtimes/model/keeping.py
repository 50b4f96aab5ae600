"""A call of a coroutine, kept in the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agents.domain.calling import _carry_awaited as carry_awaited
from agents.domain.calls import Begun, Calls, CallWish, Kept
from agents.domain.usage import CallUsage


async def call_awaited(
    calls: Calls, wish: CallWish, perform: Callable[[Begun], Awaitable[tuple[str, CallUsage | None]]]
) -> str:
    """Return the answer of a call, from the journal if it was done before; the caller has taken its path."""
    begun = await carry_awaited(lambda: calls.journal.begin(wish))
    if isinstance(begun, Kept):
        return begun.response_json
    try:
        text, usage = await perform(begun)
    except Exception as error:
        failed = error
        await carry_awaited(lambda: calls.journal.fail(wish, begun, failed))
        raise
    await carry_awaited(lambda: calls.journal.end(wish, begun, text, usage))
    return text
