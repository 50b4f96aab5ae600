"""What a provider's client makes of an answer that is none: told as such, whichever way the client stumbled over it.

A server that answers 200 without what its provider promises is met by an `IndexError` in one client, by a list that is
none in another, and by an empty response in a third. It may be paid, and is not asked again by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from pydantic_ai.exceptions import AgentRunError, ModelAPIError, UserError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model, StreamedResponse

from agents.domain.classification import describe_error, name_class
from agents.domain.failure_tree import read_cause
from agents.domain.interruption import read_traceback
from agents.errors import AgentError, AnswerTooLarge, AnswerUnreadable, ServerMoved

_NONE: Final = "what the model's server answered is no answer that can be read"
_MOST_LEVELS: Final = 12
# Whose code reads answers. What is raised elsewhere, as by who follows a stream, is nobody's answer.
_READERS: Final = frozenset({"agents", "anthropic", "google", "json", "openai", "pydantic", "pydantic_ai"})


class AnswerReader(Model):
    """Goes before a class of pydantic-ai's models, and lets no answer pass that is none.

    Raises: AnswerUnreadable. AnswerTooLarge. ServerMoved. Else whatever the client raises.
    """

    async def request(self, *asked: Any, **more: Any) -> ModelResponse:
        """Return a model's answer."""
        with tell_unreadable():
            return _check(await super().request(*asked, **more))  # type: ignore[safe-super]  # of the class behind

    @asynccontextmanager
    async def request_stream(self, *asked: Any, **more: Any) -> AsyncGenerator[StreamedResponse]:
        """Return a model's answer as it comes."""
        with tell_unreadable():
            async with super().request_stream(*asked, **more) as streamed:
                yield streamed
                _check(streamed.get())


@contextmanager
def tell_unreadable() -> Iterator[None]:
    """Raise what clients raise of an answer that can't be read as what it is."""
    try:
        yield
    except Exception as error:
        own = _find_own(error)
        if own is not None and own is not error:
            # Anthropic's client takes whatever a transport raises for a lost connection.
            raise type(own)(*own.args) from None
        if _is_misread(error):
            raise AnswerUnreadable(f"{_NONE}: {name_class(type(error))}: {describe_error(error)}") from error
        raise


def _check(response: ModelResponse) -> ModelResponse:
    """Refuse an answer that says nothing, not even why or that it is still being made, and used nothing."""
    # Of one that is still being made, the provider says by which name it can be asked for.
    is_made = response.state == "suspended" and response.provider_response_id is not None
    is_told = response.finish_reason not in {None, "stop"} or is_made
    if response.parts or is_told or response.usage.has_values():
        return response
    raise AnswerUnreadable(f"{_NONE}: neither a text nor a call stands in it, nor what it used")


def _find_own(error: BaseException) -> AgentError | None:
    found: BaseException | None = error
    for _ in range(_MOST_LEVELS):
        if found is None or isinstance(found, AnswerTooLarge | ServerMoved):
            return found
        found = read_cause(found)
    return None


def _is_misread(error: Exception) -> bool:
    """Return whether an error comes from reading an answer, and not from a server or a caller."""
    if type(error) is ModelAPIError:
        return not error.in_stream and error.provider_error_code is None
    if isinstance(error, AgentRunError | UserError | AgentError):
        return False
    frame = read_traceback(error)
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    name = "" if frame is None else str(frame.tb_frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in _READERS
