"""The way out: what it connects to, and for how long."""

import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, get_connection

from agents.conf import get_conf
from agents.egress import EgressRefused, SendingTimedOut, open_line, post
from agents.egress.mail import CheckedMail
from tests.integration.agents.egress.servers import drip, hang, listen, receive

_LOOPBACK = ["127.0.0.0/8", "::1/128"]
_PUBLIC, _HERE = "93.184.215.14", "127.0.0.1"


@pytest.fixture
def loopback_listed(settings: LazySettings) -> None:
    settings.RINGMASTER = settings.RINGMASTER | {"EGRESS_NETWORKS": _LOOPBACK}


class Resolver:
    """Says what it is told to, each time something else."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        addresses = self.answers[min(self.asked, len(self.answers)) - 1]
        kinds = [(socket.AF_INET6 if ":" in address else socket.AF_INET, address) for address in addresses]
        return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in kinds]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Resolver]:
    def use(*answers: list[str]) -> Resolver:
        resolver = Resolver(*answers)
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        return resolver

    return use


def test_a_body_arrives_with_its_headers(loopback_listed: None) -> None:
    with receive() as receiver:
        answer = post(f"{receiver.url}?a=1", b'{"a":1}', {"Content-Type": "application/json"}, seconds=10)
    [(path, headers, body)] = receiver.received
    assert (answer.status, answer.is_success, path, body) == (204, True, "/hook?a=1", b'{"a":1}')
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"],  # noqa: S104 - to be refused
)
def test_what_is_here_is_refused_however_it_is_written(host: str) -> None:
    with receive() as receiver:
        with pytest.raises(EgressRefused, match=r"EGRESS_NETWORKS"):
            post(f"http://{host}:{receiver.port}/", b"", {}, seconds=10)
        assert receiver.received == []


@pytest.mark.parametrize(
    "addresses",
    [["169.254.169.254"], ["fe80::1"], ["10.0.0.1"], [_PUBLIC, _HERE], [_HERE, _PUBLIC], ["::ffff:10.0.0.1"]],
)
def test_a_name_that_leads_inwards_is_refused(resolve: Callable[..., Resolver], addresses: list[str]) -> None:
    resolve(addresses)
    with pytest.raises(EgressRefused, match=r"^hooks.example.org is at "):
        open_line("hooks.example.org", 443, 5)


def test_what_was_judged_is_what_is_connected_to(
    resolve: Callable[..., Resolver], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers something else the second time is not asked a second time."""
    resolver = resolve([_PUBLIC], [_HERE])
    connected: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, place: connected.append(place))
    open_line("hooks.example.org", 443, 5).close()
    assert (connected, resolver.asked) == ([(_PUBLIC, 443)], 1)


def test_the_next_address_is_tried_when_one_does_not_answer(
    resolve: Callable[..., Resolver], loopback_listed: None
) -> None:
    with receive() as receiver:
        resolve(["127.0.0.9", _HERE])
        assert post(f"http://two.example.org:{receiver.port}/", b"", {}, seconds=10).status == 204
        assert receiver.received[0][1]["host"] == f"two.example.org:{receiver.port}"


def test_a_redirect_is_not_followed(loopback_listed: None) -> None:
    def send_elsewhere(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(307)
        handler.send_header("Location", inner.url)
        handler.end_headers()

    with receive() as inner, receive(send_elsewhere) as outer:
        answer = post(outer.url, b"secret", {}, seconds=10)
        assert (answer.status, answer.is_success) == (307, False)
        assert inner.received == []


def test_without_tls_only_listed_networks_are_spoken_to(resolve: Callable[..., Resolver]) -> None:
    resolve([_PUBLIC])
    with pytest.raises(EgressRefused, match=r"without TLS only listed networks"):
        post("http://hooks.example.org/", b"", {}, seconds=5)


@pytest.mark.parametrize("talk", [hang, drip], ids=["hangs", "drips"])
def test_a_sending_ends_with_its_time(loopback_listed: None, talk: Callable[..., None]) -> None:
    with listen(talk) as port:
        began = time.monotonic()
        with pytest.raises(SendingTimedOut, match=r"not done after 0.5 s"):
            post(f"http://127.0.0.1:{port}/", b"x", {}, seconds=0.5)
        assert time.monotonic() - began < 5


def test_of_a_long_answer_the_beginning_is_read(loopback_listed: None) -> None:
    def answer_long(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(500)
        handler.end_headers()
        try:
            handler.wfile.write(b"x" * 50_000_000)
        except OSError:
            return

    with receive(answer_long) as receiver:
        answer = post(receiver.url, b"", {}, seconds=10)
    assert (answer.status, len(answer.beginning)) == (500, 16_384)


def test_the_name_is_what_the_certificate_must_be_for(
    resolve: Callable[..., Resolver], loopback_listed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def wrap(_context: Any, line: socket.socket, server_hostname: str | None = None) -> Any:
        asked.append(server_hostname)
        raise ConnectionError("enough")

    monkeypatch.setattr("ssl.SSLContext.wrap_socket", wrap)
    with listen(hang) as port:
        resolve([_HERE])
        with pytest.raises(ConnectionError, match=r"enough"):
            post(f"https://hooks.example.org:{port}/", b"", {}, seconds=5)
    assert asked == ["hooks.example.org"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "https://",
        "https://user:secret@a.example/",
        "https://a.example/ b",
        "https://a:99999/",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        post(url, b"", {}, seconds=5)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("is_tls", [False, True])
def test_a_mail_server_is_judged_too(is_tls: bool) -> None:
    backend = get_connection(
        "agents.egress.mail.CheckedMail", host="127.0.0.1", port=25, use_ssl=is_tls, timeout=None
    )
    assert isinstance(backend, CheckedMail)
    assert backend.timeout == 10
    with pytest.raises(EgressRefused, match=r"127\.0\.0\.1"):
        EmailMessage("a", "b", "a@example.org", ["b@example.org"], connection=backend).send()


def test_networks_that_are_none_stop_the_start(settings: LazySettings) -> None:

    settings.RINGMASTER = {"EGRESS_NETWORKS": ["10.0.0.1/8"]}
    with pytest.raises(ImproperlyConfigured, match=r"RINGMASTER\['EGRESS_NETWORKS'\]: '10.0.0.1/8'"):
        get_conf()
