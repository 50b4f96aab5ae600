"""Requests that no page can read: refused with words before a page is asked, whichever server hands them over."""

import io
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from config.asgi import application as asgi
from config.requests import ReadableRequests, WsgiHandler
from config.wsgi import application as wsgi

ADDRESSES = ("/admin/login/", "/admin/", "/api/v1/runs", "/nowhere")
TYPES = {
    "a charset in RFC 2231's way that is none": "application/json; charset*=utf-99''x",
    "a boundary in that way": "multipart/form-data; boundary*=utf-99''x",
    "a NUL in the charset": "application/x-www-form-urlencoded; charset=\0",
    # Django would decode with whatever codec of Python's is named.
    **{
        f"a form in {charset}": f"application/x-www-form-urlencoded; charset={charset}"
        for charset in ("utf-7", "utf-16", "utf-8-sig", "zlib", "unicode_escape", "latin-1", "nonsense")
    },
    **{
        f"parts in {charset}": f"multipart/form-data; boundary=b; charset={charset}"
        for charset in ("utf-7", "utf-16", "rot13", "hex", "idna", "undefined")
    },
}


def _ask_wsgi(path: str, **environment: str) -> tuple[int, str]:
    told: list[str] = []
    asked: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_LENGTH": "2",
        "wsgi.input": io.BytesIO(b"{}"),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **environment,
    }
    answer = b"".join(wsgi(asked, lambda status, *_: told.append(status)))  # type: ignore[arg-type]
    return int(told[0][:3]), answer.decode()


@async_to_sync
async def _ask_asgi(path: str, kind: str) -> tuple[int, str]:
    headers = [(b"content-type", kind.encode("latin-1")), (b"content-length", b"2"), (b"host", b"testserver")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "http_version": "1.1",
        "headers": headers,
    }
    server: Any = ApplicationCommunicator(asgi, scope)  # type: ignore[no-untyped-call]
    await server.send_input({"type": "http.request", "body": b"{}"})
    start, body = await server.receive_output(10), await server.receive_output(10)
    await server.wait(10)  # it closes the request's body last
    return start["status"], body["body"].decode()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("path", ADDRESSES)
def test_a_content_type_that_can_t_be_read_is_refused(path: str, kind: str) -> None:
    status, words = _ask_wsgi(path, CONTENT_TYPE=kind)
    assert (status, "the header Content-Type names a charset or parameter that can't be used" in words) == (
        400,
        True,
    )


def _read(kind: str, **environment: Any) -> WSGIRequest:
    form = b"name=%C3%A4"
    asked = {"CONTENT_LENGTH": str(len(form)), "wsgi.input": io.BytesIO(form), **environment}
    return WsgiHandler.request_class(RequestFactory().post("/").environ | {"CONTENT_TYPE": kind} | asked)


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "us-ascii"])
def test_a_form_that_says_that_it_is_utf_8_is_read(charset: str) -> None:
    assert _read(f"application/x-www-form-urlencoded; charset={charset}").POST["name"] == "ä"


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "zlib", "latin-1"])
def test_nobody_chooses_how_an_address_is_decoded(charset: str) -> None:
    asked = _read(f"application/json; charset={charset}", QUERY_STRING="next=/%C3%A4%2B2AA-")
    assert asked.GET["next"] == "/ä+2AA-"


@pytest.mark.django_db
def test_an_asgi_server_s_requests_are_refused_too() -> None:
    for path in ADDRESSES:
        status, words = _ask_asgi(path, TYPES["a charset in RFC 2231's way that is none"])
        assert (status, "the header Content-Type names" in words) == (400, True)


@pytest.mark.parametrize("length", ["abc", "-1", "1e3", "\xb2", "9" * 5000])
@pytest.mark.parametrize("path", ADDRESSES)
def test_a_length_that_is_no_number_is_refused(path: str, length: str) -> None:
    asked = RequestFactory().post(path, CONTENT_LENGTH=length)
    answer = ReadableRequests(lambda _request: HttpResponse(status=204))(asked)
    assert (answer.status_code, "Content-Length is no number" in answer.content.decode()) == (400, True)


HIDDEN: dict[str, dict[str, Any]] = {
    "session": {"headers": {"Cookie": r'sessionid="\000"'}},
    "other cookie": {"headers": {"Cookie": r'messages="a\000"'}},
    "query": {"query_params": {"q": "a\0"}},
    "name in the query": {"query_params": {"a\0": "q"}},
}


@pytest.mark.parametrize("asked", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("path", ADDRESSES)
def test_what_is_no_text_asks_no_database(path: str, asked: dict[str, Any]) -> None:
    """Unmarked for the database: a look at it would fail the test."""
    answer = Client(raise_request_exception=False).get(path, **asked)
    assert answer.status_code == 400
    assert "holds a character that is no text (NUL)" in answer.content.decode()


@pytest.mark.parametrize("path", ["/admin/orchestration/workflow/{}/change/", "/api/v1/steps/{}", "/{}"])
def test_an_address_beyond_all_measure_is_refused(path: str) -> None:
    answer = Client(raise_request_exception=False).get(path.format("9" * 5000))
    assert (answer.status_code, "is longer than 2000 characters" in answer.content.decode()) == (400, True)


@pytest.mark.parametrize("path", ["/admin/orchestration/run/%00/change/", "/api/v1/runs/%00", "/%00"])
def test_an_address_that_is_no_text_is_refused(path: str) -> None:
    answer = Client(raise_request_exception=False).get(path)
    assert (answer.status_code, "its address holds" in answer.content.decode().lower()) == (400, True)


@pytest.mark.django_db
@pytest.mark.parametrize("button", ["resolve", "claim", "release"])
def test_a_button_s_address_that_is_looked_at_says_what_it_takes(button: str) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("root"))
    answer = browser.get(f"/admin/escalation/ticket/7/{button}/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "This address takes a button only" in answer.content.decode()


@pytest.mark.django_db
def test_a_type_that_can_be_read_is_let_through() -> None:
    answer = Client().post("/api/v1/runs", "{}", content_type="application/json; charset=utf-8")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
