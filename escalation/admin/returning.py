"""Gives back what a reviewer typed when the sign-in it was typed under is over.

A session that ended, or a sign-in in another tab, makes a form's token or cookie worthless. Nothing is decided then,
and nothing of the ticket is shown; the text comes back, and is put into the draft once the person is known again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from escalation.models import Ticket
from orchestration.api import problems

_PREFIX: Final = "escalation_ticket_"
# The buttons of the forms in which people type.
_BUTTONS: Final = ("keep_draft", "resolve", "ask_abort", "again", "release", "snooze", "comment")
_TYPING: Final = frozenset({f"{_PREFIX}{name}" for name in _BUTTONS})
_NOT_TYPED: Final = frozenset(
    {"csrfmiddlewaretoken", "username", "password", "factor_code", "next", "resolution"}
)
_BINDINGS: Final = frozenset({"claim_number", "seen_digest"})
UNFINISHED: Final = (
    "You need a second factor, and have set up none yet. Open the console in another tab and set it up there; then "
    "sign in here with its code. Nothing was decided, and what you typed stands below."
)
CHANGED: Final = (
    "Your sign-in has changed since this page was opened, perhaps in another tab. Nothing was decided. What you typed "
    "stands below; look at it and press the button again."
)


def keep_from_loss(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let nobody lose text to the sign-in page, nor be led from it to an address that only takes buttons."""

    @wraps(view)
    def kept(request: HttpRequest, **route: int) -> HttpResponse:
        if admin.site.has_permission(request):
            return view(request, **route)
        return _ask_to_sign_in(request, route.get("ticket_id"))

    return kept


@sensitive_post_parameters()
@never_cache
@csrf_protect
def sign_in_again(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """Sign somebody in with the form that carries what they typed, then keep that as their draft."""
    if request.method != "POST":
        return redirect_to_login(_page(ticket_id), reverse("admin:login"))
    form = _make_form(request, request.POST)
    if not form.is_valid():
        return _show_sign_in(request, ticket_id, form)
    login(request, form.get_user())
    if not admin.site.has_permission(request):
        form.add_error(None, UNFINISHED)
        return _show_sign_in(request, ticket_id, form)
    answer: HttpResponse = _desk().keep_typed(request, ticket_id)
    return answer


def answer_csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is not of this sign-in; what was typed for a ticket is given back."""
    match = request.resolver_match
    if match is None or match.url_name not in _TYPING or not _is_from_here(request):
        return problems.answer_csrf(request, reason)
    ticket_id = match.kwargs["ticket_id"]
    if admin.site.has_permission(request):
        answer: HttpResponse = _desk().give_back(request, ticket_id, CHANGED)
        return answer
    return _ask_to_sign_in(request, ticket_id)


def _is_from_here(request: HttpRequest) -> bool:
    """Tell whether a page of ours sent the form: what another site put into it is not given to anybody."""
    origin = request.headers.get("Origin") or request.headers.get("Referer")
    return origin is None or urlsplit(origin).netloc == request.get_host()


def _ask_to_sign_in(request: HttpRequest, ticket_id: int | None) -> HttpResponse:
    if ticket_id is None:
        return redirect_to_login(reverse("admin:escalation_ticket_changelist"), reverse("admin:login"))
    match = request.resolver_match
    is_typed = match is not None and match.url_name in _TYPING and _find_typed(request)
    if request.method == "POST" and is_typed:
        return _show_sign_in(request, ticket_id, _make_form(request))
    return redirect_to_login(_page(ticket_id), reverse("admin:login"))


def _show_sign_in(request: HttpRequest, ticket_id: int, form: Any) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Sign in again",
        "form": form,
        "app_path": reverse("admin:escalation_ticket_again", args=(ticket_id,)),
        "typed": _find_typed(request),
        "bound": [(name, request.POST.get(name, "")) for name in sorted(_BINDINGS)],
    }
    return TemplateResponse(request, "admin/escalation/ticket/again.html", context)


def _make_form(request: HttpRequest, data: QueryDict | None = None) -> Any:
    """Return the form of the sign-in page, with whatever brake it has."""
    return (admin.site.login_form or AdminAuthenticationForm)(request, data=data)


def _find_typed(request: HttpRequest) -> list[tuple[str, str]]:
    """Return what was sent beside tokens, bindings and the button: (name, text)."""
    left_out = _NOT_TYPED | _BINDINGS
    return [(name, str(text)) for name, text in request.POST.items() if name not in left_out]


def _page(ticket_id: int) -> str:
    return reverse("admin:escalation_ticket_change", args=(ticket_id,))


def _desk() -> Any:
    return admin.site.get_model_admin(Ticket)
