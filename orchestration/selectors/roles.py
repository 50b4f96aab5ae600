"""Breakers and pools belong to no project: operators of any may see them, and close a breaker.

As a back-end of Django's permissions, since those pages go by them. Sizes of pools are for whom Django's own
permissions name: they are decided for all projects at once.
"""

from typing import Any, Final

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from orchestration.domain.rights import Right, roles_with
from orchestration.models import Membership

_APP: Final = "agents"
_GIVEN: Final = frozenset({"agents.view_breaker", "agents.change_breaker", "agents.view_pool"})


class OperatorRights(BaseBackend):
    """Gives those who may run something what they need at night."""

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Tell whether a role gives this permission."""
        return perm in _GIVEN and _is_operator(user_obj)

    def has_module_perms(self, user_obj: AbstractBaseUser | AnonymousUser, app_label: str) -> bool:
        """Tell whether there is something of the app to see."""
        return app_label == _APP and _is_operator(user_obj)


def _is_operator(user: Any) -> bool:
    if not user.is_active or user.is_anonymous:
        return False
    # Asked once for all that a page shows; the user is read anew with each request.
    if not hasattr(user, "_is_operator"):
        member = Membership.objects.filter(group__user=user.pk, role__in=roles_with(Right.RUN))
        user._is_operator = member.exists()  # noqa: SLF001 - a cache on the row
    return bool(user._is_operator)  # noqa: SLF001
