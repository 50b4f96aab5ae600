"""Every refusal as problem+json (RFC 9457), with a code and a status from the one table.

Nothing that goes wrong below /api/ is answered in another form: DRF's errors, Django's, unknown addresses, ours.
"""

import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.csrf import csrf_failure as show_csrf_failure
from psycopg.errors import QueryCanceled
from rest_framework import exceptions
from rest_framework.response import Response

from agents.errors import AgentError
from orchestration.domain.http_status import INTERNAL, STATUS_OF
from orchestration.domain.visible import spell_out
from orchestration.errors import MOST_FAULTS, SpecInvalid
from orchestration.outages import is_away

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)

_CODE_OF: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.ParseError, "body_unreadable"),
    (exceptions.ValidationError, "field_invalid"),
    (exceptions.NotAuthenticated, "not_authenticated"),
    (exceptions.AuthenticationFailed, "token_invalid"),
    (exceptions.PermissionDenied, "right_missing"),
    (PermissionDenied, "right_missing"),
    (exceptions.NotFound, "not_found"),
    (Http404, "not_found"),
    (exceptions.MethodNotAllowed, "method_not_allowed"),
    (exceptions.NotAcceptable, "not_acceptable"),
    (exceptions.UnsupportedMediaType, "media_type_unsupported"),
    (exceptions.Throttled, "too_many_requests"),
    (SuspiciousOperation, "bad_request"),
    # PostgreSQL could not take a value: a date before its calendar, a number beyond its column.
    (DataError, "parameter_invalid"),
    (OperationalError, "unavailable"),
)

_AWAY = "the database is away or busy; nothing was lost, try again"
_WORDS_FOR: tuple[tuple[type[Exception], str], ...] = (
    (DataError, "a value is outside what can be stored; dates are of the years 1 to 9999"),
    (OperationalError, _AWAY),
    (Http404, "it is not there, or not for you"),
)


class CsrfFailed(exceptions.PermissionDenied):
    """A session's request came without its CSRF token."""

    default_code = "csrf_failed"


class NotAMember(exceptions.PermissionDenied):
    """The person is a member of no project."""

    default_code = "not_a_member"


class BodyTooLarge(exceptions.APIException):
    """The body is over the limit."""

    default_code = "body_too_large"


class TooManyWait(exceptions.APIException):
    """This process keeps as many callers waiting as it may."""

    default_code = "unavailable"
    wait = 2


class AuditSilent(exceptions.APIException):
    """That somebody looks can't be written down, so they are not shown what an agent proposed."""

    default_code = "audit_unavailable"
    wait = 60


class ParameterInvalid(exceptions.APIException):
    """A parameter of the address, the query or a header can't be used."""

    default_code = "parameter_invalid"


def handle_exception(error: Exception, _context: dict[str, Any]) -> Response | None:
    """Answer an error of a view; None leaves what nobody foresaw to the 500 page below. DRF calls this."""
    code = find_code(error)
    if code is None or STATUS_OF[code] == 500:
        return None
    if is_away(error) or isinstance(error, OperationalError):
        _LOG.error("the database refused the API", exc_info=error)
    return Response(
        describe(code, _say(error), **dict(_extras(error))),
        status=STATUS_OF[code],
        content_type=MEDIA_TYPE,
        headers=_headers(error),
    )


def find_code(error: Exception) -> str | None:
    """Return the code of an error, None for one that is not in the table."""
    own = getattr(error, "code", None) or getattr(error, "default_code", None)
    if isinstance(own, str) and own in STATUS_OF:
        return own
    if is_away(error):
        return "unavailable"
    return next((code for kind, code in _CODE_OF if isinstance(error, kind)), None)


def describe(code: str, detail: str, **extras: Any) -> dict[str, Any]:
    """Return the body of a problem."""
    return {
        "type": "about:blank",
        "title": code.replace("_", " ").capitalize(),
        "status": STATUS_OF[code],
        "code": code,
        "detail": spell_out(detail),
        **extras,
    }


def answer(code: str, detail: str) -> JsonResponse:
    """Return a problem outside DRF's views."""
    return JsonResponse(describe(code, detail), status=STATUS_OF[code], content_type=MEDIA_TYPE)


def is_api(request: HttpRequest) -> bool:
    """Tell whether an address belongs to the API."""
    return request.path_info == "/api" or request.path_info.startswith("/api/")


def answer_unknown(_request: HttpRequest, **_route: str) -> HttpResponse:
    """Answer an address below /api/ that is none."""
    return answer("not_found", "there is nothing at this address; /api/schema lists the addresses")


def answer_400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refused to read."""
    if is_api(request):
        return answer("bad_request", "the request can't be read; check its address, headers and length")
    return defaults.bad_request(request, exception)


def answer_403(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal outside DRF's views."""
    if is_api(request):
        return answer("right_missing", "you may not do this")
    return defaults.permission_denied(request, exception)


def answer_404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address."""
    return answer_unknown(request) if is_api(request) else defaults.page_not_found(request, exception)


def answer_500(request: HttpRequest) -> HttpResponse:
    """Answer what nobody foresaw, and an outage. The log has the traceback, the caller has not."""
    error = sys.exc_info()[1]
    if error is not None and is_away(error):
        return answer("unavailable", _AWAY) if is_api(request) else _show_outage()
    if is_api(request):
        return answer(INTERNAL, "something went wrong on our side; the log of the web process says what")
    return defaults.server_error(request)


def _show_outage() -> HttpResponse:
    """Answer a person, without a look at the database: who they are can't be known either."""
    words = "The database can't be used at the moment. Nothing was lost: go back and try again in a moment."
    page = f"<!doctype html><title>Unavailable</title><h1>Unavailable</h1><p>{words}</p>"
    return HttpResponse(page, status=503, headers={"Retry-After": "5"})


def answer_csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its CSRF token."""
    if is_api(request):
        return answer("csrf_failed", reason)
    return show_csrf_failure(request, reason=reason)


def _say(error: Exception) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "; ".join(f"{field}: {text}" if field else text for field, text in _first_faults(error))
    if isinstance(error, exceptions.APIException):
        return str(error.detail)
    if isinstance(error.__cause__, QueryCanceled):
        return "the question took too long; narrow it, by a run or a time"
    if is_away(error):
        return _AWAY
    return next((words for kind, words in _WORDS_FOR if isinstance(error, kind)), str(error))


def _first_faults(error: exceptions.ValidationError) -> Iterator[tuple[str, str]]:
    # Of very many, nobody reads more, and to write them all out would take longer than all else.
    return islice(_faults(error.detail), MOST_FAULTS)


def _faults(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each fault of a nested DRF error with the path of its field."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _faults(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _faults(inner, path)
    else:
        yield path, str(detail)


def _extras(error: Exception) -> Iterator[tuple[str, Any]]:
    if isinstance(error, exceptions.ValidationError):
        yield (
            "errors",
            [{"field": field, "message": spell_out(text)} for field, text in _first_faults(error)],
        )
    if isinstance(error, SpecInvalid):
        yield "errors", list_spec_faults(error)
    if isinstance(error, AgentError) and hasattr(error, "path"):
        yield "errors", [{"field": error.path, "message": spell_out(str(error))}]
    if field := getattr(error, "field", None):
        yield "errors", [{"field": field, "message": spell_out(str(error).partition(": ")[2])}]
    if holder := getattr(error, "holder", None):
        yield "holder", holder
    if changed := getattr(error, "changed", None):
        yield "changed", [asdict(one) for one in changed]


def list_spec_faults(error: SpecInvalid) -> list[dict[str, str]]:
    """Return the faults of a workflow spec, each with its step and field."""
    return [
        {
            "field": f"steps.{problem.step}.{problem.field}" if problem.step else problem.field,
            "message": spell_out(problem.message),
        }
        for problem in error.problems
    ]


def _headers(error: Exception) -> dict[str, str]:
    wait = getattr(error, "wait", None)
    scheme = getattr(error, "auth_header", None)
    return {
        **({"Retry-After": str(max(1, int(wait)))} if wait else {}),
        **({"WWW-Authenticate": scheme} if scheme else {}),
    }
