"""A reply as OpenAI's Chat Completions write it: one JSON object, or a stream of server-sent events. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agents.model_server.replies import Fault, Question, Reply, fill_arguments, fill_text

_ERRORS: Final[Mapping[Fault, tuple[int, str, str, str]]] = {
    # status, type, code, message
    Fault.RATE_LIMIT: (429, "requests", "rate_limit_exceeded", "Rate limit reached; try again later."),
    Fault.QUOTA: (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    Fault.OVERLOADED: (529, "overloaded_error", "overloaded", "The model is overloaded."),
    Fault.SERVER_ERROR: (500, "server_error", "server_error", "The server had an error."),
    Fault.UNAVAILABLE: (503, "server_error", "unavailable", "The server is not ready."),
    Fault.BAD_REQUEST: (400, "invalid_request_error", "invalid_value", "The request has an invalid value."),
    Fault.BAD_KEY: (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
}
_REFUSAL: Final = "I can't help with that."
_CHUNK_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes over the wire.

    Attributes: events: of a stream, sent one by one instead of the body.  is_broken_off: the connection is closed
        before what was announced has come.
    """

    status: int
    body: bytes = b""
    events: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    is_broken_off: bool = False


def write_error(
    status: int, kind: str, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Sent:
    """Return an error in OpenAI's form."""
    error = {"message": message, "type": kind, "param": None, "code": code}
    return Sent(status, json.dumps({"error": error}).encode(), headers=headers or {})


def write_reply(reply: Reply, question: Question, number: int, *, streamed: bool) -> Sent:
    """Return what answers a request. Args: number: of the answer, for its ids."""
    if reply.fault is not None and reply.fault in _ERRORS:
        wait = reply.retry_after_seconds
        return write_error(*_ERRORS[reply.fault], {} if wait is None else {"Retry-After": f"{wait:g}"})
    if reply.fault is Fault.NO_JSON:
        return Sent(200, b"<html>502 Bad Gateway</html>")
    answer = _Answer(reply, question, number)
    return answer.stream() if streamed else answer.whole()


class _Answer:
    """One answer of the model, being written."""

    def __init__(self, reply: Reply, question: Question, number: int) -> None:
        self._fault = reply.fault
        self._head = {
            "id": f"chatcmpl-{number:06d}",
            "created": 1_700_000_000 + number,
            "model": question.model,
        }
        self._reasoning = reply.reasoning
        self._refusal = (reply.text or _REFUSAL) if reply.fault is Fault.REFUSAL else None
        is_silent = reply.fault in {Fault.EMPTY, Fault.CONTENT_FILTER, Fault.REFUSAL}
        self._text = "" if is_silent else fill_text(reply.text, reply.when, question)
        self._calls: list[dict[str, Any]] = [
            {
                "id": f"call_{number:06d}_{index}",
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(
                        fill_arguments(call.arguments, reply.when, question), ensure_ascii=False
                    ),
                },
            }
            for index, call in enumerate(reply.calls)
        ]
        self._finish = {Fault.CUT_OFF: "length", Fault.CONTENT_FILTER: "content_filter"}.get(
            reply.fault or Fault.EMPTY, "tool_calls" if self._calls else "stop"
        )
        self._usage = self._bill(reply, question)

    def _bill(self, reply: Reply, question: Question) -> dict[str, Any]:
        said = len(self._text) + len(self._refusal or "") + sum(len(json.dumps(call)) for call in self._calls)
        taken = question.characters // 4 + 1 if reply.input_tokens is None else reply.input_tokens
        given = said // 4 + 1 if reply.output_tokens is None else reply.output_tokens
        return {
            "prompt_tokens": taken,
            "completion_tokens": given,
            "total_tokens": taken + given,
            "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        }

    def whole(self) -> Sent:
        """Return it as one object."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self._text or None,
            "refusal": self._refusal,
        }
        if self._calls:
            message["tool_calls"] = self._calls
        if self._reasoning:
            message["reasoning_content"] = self._reasoning
        choice = {"index": 0, "message": message, "finish_reason": self._finish, "logprobs": None}
        body = {**self._head, "object": "chat.completion", "choices": [choice], "usage": self._usage}
        is_broken = self._fault in {Fault.BROKEN_OFF, Fault.STREAM_ERROR}
        return Sent(200, json.dumps(body).encode(), is_broken_off=is_broken)

    def stream(self) -> Sent:
        """Return it as events, the usage in the last."""
        deltas = list(self._deltas())
        if self._fault in {Fault.BROKEN_OFF, Fault.STREAM_ERROR}:
            half = tuple(map(self._event, deltas[: len(deltas) // 2 + 1]))
            return Sent(200, events=(*half, *self._last_words()), is_broken_off=True)
        end = self._event({}, finish=self._finish)
        bill = f"data: {json.dumps({**self._chunk(), 'choices': [], 'usage': self._usage})}\n\n"
        return Sent(200, events=(*map(self._event, deltas), end, bill, "data: [DONE]\n\n"))

    def _last_words(self) -> tuple[str, ...]:
        if self._fault is not Fault.STREAM_ERROR:
            return ()
        error = {
            "message": "The server had an error.",
            "type": "server_error",
            "param": None,
            "code": "server_error",
        }
        return (f"data: {json.dumps({'error': error})}\n\n",)

    def _deltas(self) -> Iterator[dict[str, Any]]:
        yield {"role": "assistant", "content": ""}
        if self._reasoning:
            yield {"reasoning_content": self._reasoning}
        if self._refusal:
            yield {"refusal": self._refusal}
        for at in range(0, len(self._text), _CHUNK_CHARACTERS):
            yield {"content": self._text[at : at + _CHUNK_CHARACTERS]}
        for index, call in enumerate(self._calls):
            arguments = call["function"]["arguments"]
            first = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
            yield {"tool_calls": [first]}
            for at in range(0, len(arguments), _CHUNK_CHARACTERS):
                part = arguments[at : at + _CHUNK_CHARACTERS]
                yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}

    def _chunk(self) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk"}

    def _event(self, delta: Mapping[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return f"data: {json.dumps({**self._chunk(), 'choices': [choice], 'usage': None})}\n\n"
