"""The OpenAPI document and the page that shows it; both work offline and say nothing of anybody's data."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orchestration.api.problems import MEDIA_TYPE

_READING = ("400", "401", "403", "404", "406", "429", "500", "503")
_WRITING = (*_READING, "409", "411", "415")
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A refusal (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; programs go by it."},
        "detail": {"type": "string", "description": "For people: what is wrong and what to do."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
        "holder": {"type": "string", "description": "Who holds the ticket, with `ticket_taken`."},
    },
}


class SchemaView(APIView):
    """The OpenAPI document."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(exclude=True)
    def get(self, _request: Request) -> Response:
        """Return the document."""
        return Response(build_document())


@require_safe
def show_docs(request: HttpRequest) -> HttpResponse:
    """Show the document as a page on which requests can be tried."""
    return render(request, "orchestration/api_docs.html")


@cache
def build_document() -> dict[str, Any]:
    """Return the OpenAPI document; the same for everybody, built once."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to every operation how it refuses. Spectacular calls this."""
    result["components"]["schemas"]["Problem"] = _PROBLEM
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusal = {"description": "Refused; the `code` says why.", "content": content}
    for operations in result["paths"].values():
        for method, operation in operations.items():
            for status in _READING if method == "get" else _WRITING:
                operation["responses"].setdefault(status, refusal)
            operation["security"] = [{"token": []}, {"session": []}]
    return result
