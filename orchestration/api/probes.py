"""`/healthz` and `/readyz`: does this process live, and can it work? For load balancers and supervisors.

Answered before anything else: who probes knows no host name, no HTTPS and no account. Nothing here is secret, and one
look a second answers all who ask.
"""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from orchestration.readiness import Readiness

_READINESS: Final = Readiness()


class Probes:
    """Middleware, the first: answers probes, hands on the rest."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer or go on."""
        answer = _ANSWERS.get(request.path_info)
        if answer is None:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        response = answer()
        response["Cache-Control"] = "no-store"
        return response


def _say_alive() -> HttpResponse:
    return JsonResponse({"status": "alive"})


def _say_ready() -> HttpResponse:
    parts = _READINESS.read()
    is_ready = all(part.is_well for part in parts if part.is_vital)
    told = {part.name: {"ok": part.is_well, "says": part.said} for part in parts}
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", **told}, status=200 if is_ready else 503
    )


_ANSWERS: Final[dict[str, Callable[[], HttpResponse]]] = {"/healthz": _say_alive, "/readyz": _say_ready}
