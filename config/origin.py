"""Tells the audit of the desk through which door a request came, and from which address."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from escalation.audit import enter
from escalation.domain.acts import Door
from orchestration.api.problems import is_api


class OriginOfRequest:
    """Middleware: the rest of the request comes through this door. Addresses are those of whoever connected to us."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Enter, and answer."""
        door = Door.API if is_api(request) else Door.CONSOLE
        with enter(door, request.META.get("REMOTE_ADDR", "")):
            return self.get_response(request)
