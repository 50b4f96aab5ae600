"""Servers on loopback that receive, hang, drip, drop or send elsewhere."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Handle = Callable[[BaseHTTPRequestHandler, bytes], None]


class Receiver:
    """An HTTP server that keeps what it received, as (path, headers, body)."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.server = server
        self.received: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receive(handle: Handle | None = None) -> Iterator[Receiver]:
    """Run a server; without a handle it answers 204."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append((self.path, headers, body))
            if handle is not None:
                handle(self, body)
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    receiver = Receiver(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join(timeout=30)


@contextmanager
def listen(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Run a server that does nothing but `talk` to each who connects, until its event is set; yield its port."""
    ended = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)

    def serve() -> None:
        while not ended.is_set():
            try:
                line, _ = listening.accept()
            except TimeoutError:
                continue
            line.settimeout(30)
            threading.Thread(target=_talk_to, args=(line,), daemon=True).start()

    def _talk_to(line: socket.socket) -> None:
        with line:
            try:
                talk(line, ended)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        thread.join(timeout=30)
        listening.close()


def hang(_line: socket.socket, ended: threading.Event) -> None:
    """Take the connection and say nothing."""
    ended.wait(30)


def drip(line: socket.socket, ended: threading.Event) -> None:
    """Say a byte now and then, so that no single read ever takes long."""
    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(200):
        if ended.wait(0.05):
            return
        line.sendall(b"x")
