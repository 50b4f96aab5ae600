"""How often one person, one token or one address may ask. Counted in each web process by itself."""

from typing import Any

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

from orchestration.api.access import token_of


class _Configured(SimpleRateThrottle):
    """Reads its rate at call time, so that a test's override_settings holds."""

    def get_rate(self) -> str | None:
        """Return the rate of this throttle's scope; None: no limit."""
        rates: Any = api_settings.DEFAULT_THROTTLE_RATES
        rate: str | None = rates[self.scope]
        return rate


class PerPerson(_Configured):
    """All requests of one account, whatever tokens they come with; of one address where nobody is known."""

    scope = "person"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return whom a request counts for."""
        who = request.user.pk if request.user.is_authenticated else None
        return f"api-person-{who}" if who else f"api-address-{self.get_ident(request)}"


class PerToken(_Configured):
    """The requests of one token, so that one program can't use up what its owner has."""

    scope = "token"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return which token a request counts for; None without one."""
        token = token_of(request)
        return f"api-token-{token.public_id}" if token else None
