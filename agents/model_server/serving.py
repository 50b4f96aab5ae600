"""Serves scripted answers on the loopback interface, as OpenAI's Chat Completions. Standard library only.

with ModelServer([Reply("Hello"), Reply(fault=Fault.RATE_LIMIT, retry_after_seconds=2)]) as server:
    ...  # RINGMASTER["MODELS"]: {"fast": {"model": "openai:scripted", "base_url": server.url}}
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from agents.model_server.replies import Question, Reply, fits, read_question
from agents.model_server.wire import Sent, write_error, write_reply

LOOPBACK: Final = "127.0.0.1"
_MOST_BYTES: Final = 16 * 1024 * 1024
_MOST_REQUESTS_KEPT: Final = 1_000


class ModelServer:
    """A model server that follows a script.

    Args:
        replies: looked at in order: the first that fits and has not been given often enough is given.
        port: 0 takes a free one.
        chunk_seconds: between two events of a stream.

    Attributes: requests: the last bodies that came in.
    """

    def __init__(self, replies: Sequence[Reply], *, port: int = 0, chunk_seconds: float = 0.0) -> None:
        self._replies = replies
        self._given: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._number = 0
        self.chunk_seconds = chunk_seconds
        self.requests: deque[dict[str, Any]] = deque(maxlen=_MOST_REQUESTS_KEPT)
        self._http = _Http((LOOPBACK, port), _Handler, self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Return what to write as `base_url`."""
        return f"http://{LOOPBACK}:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        """Begin to serve, in a thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and give the port back."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def serve(self) -> None:
        """Serve until interrupted, in this thread."""
        with self._http:
            self._http.serve_forever()

    def answer(self, body: dict[str, Any]) -> tuple[Sent, float]:
        """Return what to send for a request, and how many seconds to wait before it."""
        question = read_question(body)
        with self._lock:
            self.requests.append(body)
            self._number += 1
            number, reply = self._number, self._choose(question)
        if reply is None:
            words = f"no reply of the script fits {question.says[:80]!r}"
            after = f" after the tool {question.after!r}" if question.after else ""
            return write_error(400, "invalid_request_error", "no_reply", f"{words}{after}: add one"), 0.0
        return write_reply(reply, question, number, streamed=bool(body.get("stream"))), reply.seconds

    def _choose(self, question: Question) -> Reply | None:
        for index, reply in enumerate(self._replies):
            if reply.times and self._given[index] >= reply.times:
                continue
            if fits(reply.when, question):
                self._given[index] += 1
                return reply
        return None


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], model: ModelServer
    ) -> None:
        self.model = model
        super().__init__(address, handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Write no line per request."""

    def do_GET(self) -> None:
        """List the one model, as clients do to see whether a server is there."""
        model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "script"}
        self._send(Sent(200, json.dumps({"object": "list", "data": [model]}).encode()))

    def do_POST(self) -> None:
        """Answer a chat completion."""
        body = self._read()
        if not self.path.partition("?")[0].endswith("/chat/completions"):
            words = f"this server answers /v1/chat/completions only, not {self.path[:80]}"
            self._send(write_error(404, "invalid_request_error", "not_found", words))
        elif body is None:
            words = f"the body is no JSON object of at most {_MOST_BYTES} bytes"
            self._send(write_error(400, "invalid_request_error", "bad_body", words))
        else:
            sent, seconds = self.server.model.answer(body)
            time.sleep(seconds)
            self._send(sent)

    def _read(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self.close_connection = True
            return None
        try:
            body = read_json(self.rfile.read(int(length)))
        except UnreadableJson:
            return None
        return body if isinstance(body, dict) else None

    def _send(self, sent: Sent) -> None:
        try:
            self.send_response(sent.status)
            for name, value in sent.headers.items():
                self.send_header(name, value)
            (self._send_events if sent.events else self._send_body)(sent)
        except ConnectionError:
            self.close_connection = True  # whoever asked has gone

    def _send_body(self, sent: Sent) -> None:
        kind = "text/html" if sent.body.startswith(b"<") else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(sent.body)))
        self.end_headers()
        if sent.is_broken_off:
            self.close_connection = True
            self.wfile.write(sent.body[: len(sent.body) // 2])
        else:
            self.wfile.write(sent.body)

    def _send_events(self, sent: Sent) -> None:
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in sent.events:
            part = event.encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.flush()
            time.sleep(self.server.model.chunk_seconds)
        if sent.is_broken_off:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")
