"""What is refused before a view sees it: bodies that are too large, not JSON, or would not survive storage."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Final, NoReturn

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from agents.domain.canonical import EXACT_INTEGER_LIMIT, MAX_DEPTH, canonical_json
from agents.errors import UnreadableOutput
from orchestration.api.problems import BodyTooLarge, answer, is_api

MAX_BODY_BYTES: Final = 1_048_576
_TOO_LARGE = f"the body is over {MAX_BODY_BYTES} bytes; keep large content elsewhere and send a reference"
_NO_LENGTH = (
    "the body comes in pieces and nothing says how long it is; send it with the header Content-Length"
)


class StrictJsonParser(BaseParser):
    """JSON as RFC 8259 and RFC 7493 have it: UTF-8, no duplicate names, no NaN, whole numbers below 2^53."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body.

        Raises: BodyTooLarge. ParseError: says where and what.
        """
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(_TOO_LARGE)
        return read_json(body)


def read_json(body: bytes) -> Any:
    """Return the JSON value of a body.

    Raises: ParseError.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_read_object, parse_constant=_refuse_constant
        )
        # Twice its size: what was sent may be written shorter than canonical JSON writes it (1e15).
        canonical_json(value, max_bytes=20 * MAX_BODY_BYTES, max_depth=MAX_DEPTH)
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is no UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise ParseError(
            f"the body is no JSON (line {error.lineno}, column {error.colno}: {error.msg})"
        ) from None
    except RecursionError:
        raise ParseError(f"the body is nested deeper than {MAX_DEPTH} levels") from None
    except UnreadableOutput as error:
        raise ParseError(
            f"the body can't be kept: at {error.path or 'the top level'}: {error.reason}"
        ) from None
    except ValueError as error:
        raise ParseError(f"the body is no JSON ({error})") from None
    return value


class ApiLimits:
    """Middleware: refuses what no address of the API takes, before anything asks the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse or go on."""
        if not is_api(request):
            return self.get_response(request)
        if _length(request) > MAX_BODY_BYTES:
            return answer("body_too_large", _TOO_LARGE)
        if _has_untold_length(request):
            return answer("length_missing", _NO_LENGTH)
        try:
            is_clean = all(_is_text(part) for part in _texts(request))
        except TooManyFieldsSent:
            return answer("parameter_invalid", "the query has too many parameters")
        if not is_clean:
            return answer(
                "parameter_invalid", "the address, query or a cookie holds a character that is no text (NUL)"
            )
        return self.get_response(request)


def check_integer(value: int) -> bool:
    """Tell whether every reader of JSON keeps a number exactly."""
    return -EXACT_INTEGER_LIMIT < value < EXACT_INTEGER_LIMIT


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _has_untold_length(request: HttpRequest) -> bool:
    """Tell whether there is a body whose length was not told: its views would take it for none at all."""
    if request.META.get("CONTENT_LENGTH"):
        return False
    # Behind WSGI a body in pieces can't be read; HTTP/2 knows pieces without a header for them.
    return "HTTP_TRANSFER_ENCODING" in request.META or bool(request.read(1))


def _texts(request: HttpRequest) -> Iterator[str]:
    yield request.path
    for name, values in request.GET.lists():
        yield name
        yield from values
    # Django unescapes \000 in a cookie; asked for as a session, it would reach the database.
    yield from request.COOKIES.values()


def _is_text(part: str) -> bool:
    return "\x00" not in part and not any("\ud800" <= character <= "\udfff" for character in part)


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {double!r:.80} stands twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
