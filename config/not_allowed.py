"""What a person is shown who opens an address of the console that takes a button only."""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from orchestration.api.problems import is_api


class HelpfulNotAllowed:
    """Middleware: gives the bare 405 of any page a text that says what to do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and explain a refused method; what says something itself stays as it is."""
        answer = self.get_response(request)
        if answer.status_code != 405 or answer.streaming or answer.content or is_api(request):
            return answer
        is_button = "GET" not in answer.headers.get("Allow", "")
        told = {
            **admin.site.each_context(request),
            "title": "This takes a button" if is_button else "This is for reading",
            "is_button": is_button,
        }
        answer.content = render_to_string("admin/not_allowed.html", told, request).encode()
        answer.headers["Content-Type"] = "text/html; charset=utf-8"
        return answer
