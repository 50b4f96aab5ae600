"""The pages of the second factor: setting one up, one's own, and those of the people one leads."""

import time
from typing import Any, Final, cast

import segno
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import login as keep_in_session

from config import sign_in
from config.second_factor.devices import (
    AlreadyEnrolled,
    CodeRefused,
    count_recovery_codes,
    describe_key,
    has_device,
    make_key,
    verify_code,
)
from config.second_factor.door import find_half_known
from config.second_factor.people import list_resettable, renew_codes, reset_second_factor, set_up_app
from config.second_factor.policy import OFF_WORDS, is_needed, is_on
from orchestration.selectors.scope import call_as

# In the session: the secret that is being set up is of one browser, so that nobody else has seen it before.
_KEY: Final = "second_factor_key"
_MAY_REPLACE_UNTIL: Final = "second_factor_replace_until"
_REPLACE_SECONDS: Final = 600


@sensitive_post_parameters()
@never_cache
@csrf_protect
def set_up(request: HttpRequest) -> HttpResponse:
    """Show a new secret, and take it when a code of it comes back."""
    _require_on()
    half = find_half_known(request)
    person = half or (cast("User", request.user) if admin.site.has_permission(request) else None)
    is_replacing = half is None and request.session.get(_MAY_REPLACE_UNTIL, 0) > time.time()
    if person is None:
        return redirect_to_login(reverse("admin:index"), reverse("admin:login"))
    if has_device(person) and not is_replacing:
        return HttpResponseRedirect(reverse("admin:login" if half else "admin:second_factor"))
    if request.method == "POST":
        return (
            _leave(request) if "leave" in request.POST else _take(request, person, is_replacing=is_replacing)
        )
    return _show_secret(request, person)


def _take(request: HttpRequest, person: User, *, is_replacing: bool) -> HttpResponse:
    key = request.session.get(_KEY)
    if key is None:
        return _show_secret(request, person, "Your session has changed meanwhile. Scan the secret below.")
    try:
        device, codes = set_up_app(person, key, request.POST.get("factor_code", ""), replaces=is_replacing)
    except CodeRefused as error:
        return _show_secret(request, person, str(error))
    except AlreadyEnrolled:
        return HttpResponseRedirect(reverse("admin:login"))
    request.user = person
    # What the session was called while it was nobody's must open nothing from now on.
    request.session.cycle_key()
    request.session.pop(_KEY)
    request.session.pop(_MAY_REPLACE_UNTIL, None)
    keep_in_session(request, device)
    return _render(request, "codes.html", "Your recovery codes", codes=codes, on_to=_read_next(request))


def _show_secret(request: HttpRequest, person: User, fault: str = "") -> HttpResponse:
    key = request.session.setdefault(_KEY, make_key())
    address, secret = describe_key(person, key)
    picture = segno.make(address, micro=False).svg_data_uri(scale=5, border=4, light="#fff")
    shown = {
        "picture": picture,
        "secret": secret,
        "fault": fault,
        "person": person,
        "on_to": _read_next(request),
    }
    return _render(request, "set_up.html", "Set up your second factor", is_asked=is_needed(person), **shown)


def _leave(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponseRedirect(reverse("admin:login"))


@sensitive_post_parameters()
@never_cache
def show_own(request: HttpRequest) -> HttpResponse:
    """Show how one's own second factor stands, and those that one may reset; behind the door of the site."""
    _require_on()
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    person, fault = cast("User", request.user), ""
    if request.method == "POST" and "person" in request.POST:
        return _reset(request, person)
    if request.method == "POST":
        try:
            return _change(request, person)
        except CodeRefused as error:
            fault = str(error)
        except ValidationError as error:
            fault = " ".join(error.messages)
    shown = {
        "fault": fault,
        "has_device": has_device(person),
        "codes_left": count_recovery_codes(person),
        "people": list_resettable(call_as(person)),
    }
    return _render(request, "own.html", "Second factor", **shown)


def _change(request: HttpRequest, person: User) -> HttpResponse:
    """Make new recovery codes, or let the app be replaced: with a code, as an open session may be somebody else's.

    Raises: CodeRefused.  ValidationError: too many tries.
    """
    name, address = sign_in.hash_name(person.get_username()), sign_in.find_address(request)
    sign_in.count_try(name, address)
    verify_code(person, request.POST.get("factor_code", ""))
    sign_in.forget_tries(name, address)
    if "replace" in request.POST:
        request.session[_MAY_REPLACE_UNTIL] = time.time() + _REPLACE_SECONDS
        return HttpResponseRedirect(reverse("admin:second_factor_set_up"))
    on_to = reverse("admin:second_factor")
    return _render(request, "codes.html", "Your recovery codes", codes=renew_codes(person), on_to=on_to)


def _reset(request: HttpRequest, by: User) -> HttpResponse:
    number = request.POST["person"]
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise Http404
    person = get_object_or_404(list_resettable(call_as(by)), pk=int(number))
    reset_second_factor(person, by)
    messages.success(
        request,
        f"The second factor of {person.get_username()} is gone, and they are signed out everywhere. If they need one, "
        "they set up a new one with their next sign-in.",
    )
    return HttpResponseRedirect(reverse("admin:second_factor"))


def _require_on() -> None:
    if not is_on():
        raise Http404(OFF_WORDS)


def _read_next(request: HttpRequest) -> str:
    """Return the page of ours that somebody was on the way to; an address elsewhere is none."""
    wished = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wished, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wished if is_ours else reverse("admin:index")


def _render(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    frame = {**admin.site.each_context(request), "title": title}
    return TemplateResponse(request, f"admin/second_factor/{template}", {**frame, **context})
