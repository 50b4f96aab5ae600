"""What a request must be before any page or endpoint looks at it: text, with a length and a type that can be read."""

import codecs
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.core.exceptions import TooManyFieldsSent
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_header_parameters

from orchestration.api.problems import answer, is_api

# Far beyond any address of ours, and short of where Python refuses to read a part of it as a number.
_LONGEST_PATH: Final = 2_000
_WORDS: Final = "the request can't be read: {}; correct it and send it again"


class _ReadableType(HttpRequest):
    """Takes a Content-Type that can't be read for none, and notes that: Django would fail before any middleware.

    Nobody chooses how text is decoded: JSON and addresses are UTF-8, and so are the forms of our pages. Django would
    take any codec of Python's, down to `zlib`.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
            is_readable = self.content_type not in _FORMS or _is_utf_8(self.content_params.get("charset"))
        except (ValueError, LookupError):
            is_readable = False
        if not is_readable:
            meta["CONTENT_TYPE"] = ""
            meta[_UNREADABLE_TYPE] = True
            self.content_type, self.content_params = "", {}


def _is_utf_8(charset: str | None) -> bool:
    return charset is None or codecs.lookup(charset).name in {"utf-8", "ascii"}


_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_UNREADABLE_TYPE: Final = "ringmaster.unreadable_type"


class _AsgiRequest(_ReadableType, ASGIRequest):
    pass


class _WsgiRequest(_ReadableType, WSGIRequest):
    pass


class AsgiHandler(ASGIHandler):
    """Django, for ASGI servers."""

    request_class = _AsgiRequest


class WsgiHandler(WSGIHandler):
    """Django, for WSGI servers."""

    request_class = _WsgiRequest


class ReadableRequests:
    """Middleware: refuses what would fail as a fault of ours wherever it is first used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse or go on."""
        fault = _find_fault(request)
        if fault is None:
            return _say_what_is_taken(self.get_response(request))
        words = _WORDS.format(fault)
        if is_api(request):
            return answer("parameter_invalid", words)
        return HttpResponse(
            f"{words[0].upper()}{words[1:]}.\n", status=400, content_type="text/plain; charset=utf-8"
        )


def _say_what_is_taken(answer: HttpResponse) -> HttpResponse:
    """Put words into Django's empty refusal of a method."""
    if answer.status_code == 405 and not answer.streaming and not answer.content:
        answer["Content-Type"] = "text/plain; charset=utf-8"
        answer.content = (
            f"This address takes {answer.get('Allow', 'another method')} only. If it is a button's, go back, load the "
            "page anew and press the button there.\n"
        )
    return answer


def _find_fault(request: HttpRequest) -> str | None:
    if _UNREADABLE_TYPE in request.META:
        return "the header Content-Type names a charset or parameter that can't be used; text is UTF-8"
    if len(request.path) > _LONGEST_PATH:
        return f"its address is longer than {_LONGEST_PATH} characters"
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        return "the header Content-Length is no number"
    try:
        return next((where for where, text in _texts(request) if not _is_text(text)), None)
    except TooManyFieldsSent:
        return "the query has too many parameters"


def _texts(request: HttpRequest) -> Iterator[tuple[str, str]]:
    yield "its address holds a character that is no text (NUL)", request.path
    for name, values in request.GET.lists():
        for text in (name, *values):
            yield "its query holds a character that is no text (NUL)", text
    # Django unescapes \000 in a cookie; asked for as a session, it would reach the database.
    for text in request.COOKIES.values():
        yield "a cookie holds a character that is no text (NUL)", text


def _is_text(part: str) -> bool:
    return "\x00" not in part and not any("\ud800" <= character <= "\udfff" for character in part)
