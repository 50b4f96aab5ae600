"""What an agent reads beyond what it was handed: of originals, and of the run so far. Pure.

Both are calls of the step's journal: a later attempt has the same answers. Read next:
`orchestration/executor/context.py`, which reads for an attempt of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from agents.domain.calling import carry, carry_awaited, is_in_loop, make_once
from agents.domain.calls import Calls
from agents.errors import CallRefused

FETCH: Final = "fetch"
DIGEST: Final = "digest_so_far"
COMPACT: Final = "compact"
MOST_LIMIT: Final = 100_000


class ContextReader(Protocol):
    """Reads for one attempt."""

    def fetch(self, of: str, pointer: str, limit: int) -> dict[str, Any]:
        """Return a part of an original that was handed to this attempt.

        Raises: CallRefused: it was not, nothing stands there, or it would be more than an attempt may fetch.
        """

    def note_fetched(self, of: str, pointer: str, answer: Any) -> None:
        """Write that this attempt was handed a part of an original, by this call or one that was kept."""

    def tell_so_far(self) -> str:
        """Return the run so far, within what is left of the tokens that the step may be handed."""

    @property
    def is_shortened(self) -> bool:
        """Whether something was handed to this attempt in short, so that there is an original to be read."""

    def compact(self, said_json: str, allowance_tokens: int) -> dict[str, Any]:
        """Return what was said and done in a conversation in at most so many tokens, and what that lost."""


class NoContext:
    """Of a task that no engine made, as in a test of an agent's function: there was nothing before it."""

    def fetch(self, of: str, pointer: str, limit: int) -> dict[str, Any]:  # noqa: ARG002 - the interface
        """Refuse: nothing was handed over."""
        raise CallRefused(
            f"task.fetch: no original {of[:12]} was handed to this attempt: no engine made this task"
        )

    def note_fetched(self, of: str, pointer: str, answer: Any) -> None:
        """Nobody keeps it here."""

    def tell_so_far(self) -> str:
        """Return nothing."""
        return ""

    @property
    def is_shortened(self) -> bool:
        """Return False: nothing was handed over."""
        return False

    def compact(self, said_json: str, allowance_tokens: int) -> dict[str, Any]:
        """Return the beginning: nobody makes summaries here."""
        return {"summary": said_json[: 4 * allowance_tokens]}


def fetch_original(
    calls: Calls, reader: ContextReader, of: str, pointer: str, limit: int, key: str | None
) -> Any:
    """Return a part of an original; awaitable under a running loop."""
    check_limit(limit)
    of, pointer = str(of), str(pointer)
    return _read(
        calls,
        FETCH,
        lambda: reader.fetch(of, pointer, limit),
        lambda answer: reader.note_fetched(of, pointer, answer),
        of,
        pointer,
        limit,
        key=key,
    )


def check_limit(limit: object) -> None:
    """Refuse what is no number of tokens to be read.

    Raises: CallRefused.
    """
    if type(limit) is not int or not 1 <= limit <= MOST_LIMIT:
        raise CallRefused(
            f"task.fetch: limit is {limit!r:.40}; give a number of tokens from 1 to {MOST_LIMIT:,}"
        )


def tell_so_far(calls: Calls, reader: ContextReader) -> Any:
    """Return the run so far; awaitable under a running loop."""
    return _read(calls, DIGEST, reader.tell_so_far, lambda _: None)


def _read(
    calls: Calls,
    name: str,
    read: Callable[[], Any],
    note: Callable[[Any], None],
    *arguments: Any,
    key: str | None = None,
) -> Any:
    """Read once, by the thread that waits for a coroutine where there is one, and note what was read."""
    if is_in_loop():
        return _read_awaited(calls, name, read, note, arguments, key)
    answer = make_once(calls, name, lambda *_: carry(read), *arguments, key=key)
    carry(lambda: note(answer))
    return answer


async def _read_awaited(
    calls: Calls,
    name: str,
    read: Callable[[], Any],
    note: Callable[[Any], None],
    arguments: tuple[Any, ...],
    key: str | None,
) -> Any:
    async def body(*_: Any) -> Any:
        return await carry_awaited(read)

    answer = await make_once(calls, name, body, *arguments, key=key)
    await carry_awaited(lambda: note(answer))
    return answer


async def compact(
    calls: Calls, reader: ContextReader, said_json: str, digest: str, allowance_tokens: int
) -> str:
    """Return what was said and done in a conversation in at most so many tokens; what was made before is kept.

    Args: said_json: what it is, as canonical JSON.  digest: of that; names the call.
    """
    answer: dict[str, Any] = await _read_awaited(
        calls,
        COMPACT,
        lambda: reader.compact(said_json, allowance_tokens),
        lambda _: None,
        (digest, allowance_tokens),
        digest[:16],
    )
    return str(answer["summary"])
