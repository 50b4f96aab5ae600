"""The one door: a session that lacks its second factor is nobody's, for every page, stream and address alike.

Whoever asks later who calls, finds nobody. So a page that knows nothing of second factors is closed to them as well.
"""

from collections.abc import Callable
from typing import Final, cast

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django_otp import DEVICE_ID_SESSION_KEY

from config.second_factor.devices import is_device_of
from config.second_factor.policy import is_needed, is_on
from orchestration.api.problems import answer, is_api

_WORDS: Final = (
    "you are signed in without your second factor; sign in at /admin/ with your code, or set one up there; or use a "
    "token"
)


class SecondFactorDoor:
    """Middleware: lets in whoever needs no second factor, or has shown it in this session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what comes next."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, as to nobody whom the second factor is lacking."""
        if not is_on():
            return self.get_response(request)
        claimed = request.user
        # Only who asks for the person pays for the look.
        request.user = cast("User", SimpleLazyObject(lambda: _let_in(request, claimed)))
        response = self.get_response(request)
        if response.status_code == 401 and is_api(request) and "Authorization" not in request.headers:
            return answer("second_factor_missing", _WORDS) if find_half_known(request) else response
        return response


def lacks_second_factor(request: HttpRequest, user: User | AnonymousUser) -> bool:
    """Return whether somebody, signed in by this request's session, has yet to show a second factor."""
    if not is_on() or not user.is_authenticated:
        return False
    device_id = str(request.session.get(DEVICE_ID_SESSION_KEY, ""))
    let_in = (user.pk, device_id)
    # Asked once for all that a page shows.
    if getattr(request, "let_in", None) == let_in:
        return False
    if not (device_id and is_device_of(user, device_id)) and is_needed(user):
        return True
    request.let_in = let_in  # type: ignore[attr-defined]
    return False


def find_half_known(request: HttpRequest) -> User | None:
    """Return who signed in with the password alone, and is nobody until they show more."""
    if request.user.is_authenticated:
        return None
    half: User | None = getattr(request, "half_known", None)
    return half


def _let_in(request: HttpRequest, claimed: User | AnonymousUser) -> User | AnonymousUser:
    if not lacks_second_factor(request, claimed):
        return claimed
    request.half_known = claimed  # type: ignore[attr-defined]
    return AnonymousUser()
