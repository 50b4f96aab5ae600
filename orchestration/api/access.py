"""Who calls: a token or a session; and what every request needs before its view sees it.

Bound by settings.REST_FRAMEWORK, so that the views of every app come through here. What DRF imports for its own
settings may not import DRF's views.
"""

from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orchestration.api.problems import CsrfFailed, NotAMember
from orchestration.domain.rights import Right
from orchestration.models import ApiToken
from orchestration.selectors.entries import Entry
from orchestration.selectors.scope import Caller, call_as, is_member, require_scope


class TokenAccess(TokenAuthentication):
    """`Authorization: Token <key>`; an unreadable key is an unknown one."""

    def authenticate_credentials(self, token: bytes) -> Any:
        """Return user and token.

        Raises: AuthenticationFailed.
        """
        if not token.isalnum():
            raise AuthenticationFailed("this is no token; send `Authorization: Token <key>`")
        return super().authenticate_credentials(token)


class SessionAccess(SessionAuthentication):
    """The console's session; what changes anything needs its CSRF token."""

    def enforce_csrf(self, request: Any) -> None:
        """Refuse without a CSRF token.

        Raises: CsrfFailed.
        """
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise CsrfFailed(f"{error.detail}; send the header X-CSRFToken") from None


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document calls a token."""

    target_class = "orchestration.api.access.TokenAccess"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <key>`: POST /api/v1/tokens or `manage.py create_token` makes one.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document calls a session."""

    target_class = "orchestration.api.access.SessionAccess"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class MayEnter(BasePermission):
    """Members only, and with a token only what its scopes allow. What a role allows, its project's rows say."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Let members in.

        Raises: NotAMember, ScopeMissing.
        """
        if not request.user.is_authenticated:
            return False
        caller = caller_of(request)
        require_scope(caller, right_for(view, request.method))
        if not self.is_inside(caller):
            raise NotAMember("you are a member of no project; an administrator can add your group to one")
        return True

    def is_inside(self, caller: Caller) -> bool:
        """Return whether anything is open to a caller."""
        return is_member(caller)


def caller_of(request: Request) -> Caller:
    """Return who calls."""
    return call_as(cast("Any", request.user), token_of(request))


def token_of(request: Request) -> ApiToken | None:
    """Return the token that a request came with."""
    return request.auth if isinstance(request.auth, ApiToken) else None


def entry_of(request: Request) -> Entry:
    """Return the way by which a request came in."""
    token = token_of(request)
    if token is not None:
        return Entry(cast("int", request.user.pk), token=token.pk)
    return Entry(cast("int", request.user.pk), session=request.session.session_key)


def right_for(view: Any, method: str | None) -> Right:
    """Return the right that a view's method takes: to look, unless the view says otherwise."""
    rights: dict[str, Right] = getattr(view, "rights", {})
    return rights.get(method or "", Right.VIEW)
