"""What is refused before a view sees it: bodies that are too large, not JSON, or would not survive storage."""

from collections.abc import Callable, Mapping
from typing import IO, Any, Final

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
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
        try:
            return read_json(body)
        except UnreadableJson as error:
            raise ParseError(f"body: {error}") from None


class ApiLimits:
    """Middleware: refuses bodies that no address of the API takes, before anything asks the database.

    What no page takes either, such as a NUL in the address, `config/requests.py` has refused by then.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Refuse or go on."""
        if not is_api(request):
            return self.get_response(request)
        if read_length(request) > MAX_BODY_BYTES:
            return answer("body_too_large", _TOO_LARGE)
        if _has_untold_length(request):
            return answer("length_missing", _NO_LENGTH)
        return self.get_response(request)


def read_length(request: HttpRequest) -> int:
    """Return how many bytes the body of a request has, as it says itself."""
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
