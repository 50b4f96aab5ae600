"""Who needs a second factor: what the setting says of whom, and whoever has set one up already."""

from typing import Final, cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from config.second_factor.devices import has_device
from escalation.conf import get_conf
from escalation.domain.two_factor import TwoFactor
from escalation.selectors.scope import may_decide_anything
from orchestration.selectors.scope import call_as

# Who may give rights to people could give themselves those of a reviewer.
_GIVE_RIGHTS = ("auth.add_user", "auth.change_user", "auth.add_group", "auth.change_group")

OFF_WORDS: Final = "Nobody is asked for a second factor here; RINGMASTER['TWO_FACTOR'] says whom."


def is_on() -> bool:
    """Return whether anybody is asked for a second factor."""
    return get_conf().TWO_FACTOR != TwoFactor.OFF


def is_needed(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether somebody must show a second factor before they are let in."""
    if not is_on() or user.is_anonymous:
        return False
    person = cast("User", user)
    return get_conf().TWO_FACTOR == TwoFactor.ALL or has_device(person) or decides(person)


def decides(user: User) -> bool:
    """Return whether somebody's roles let them decide, lead or manage anywhere, or give such roles."""
    return may_decide_anything(call_as(user)) or any(user.has_perm(name) for name in _GIVE_RIGHTS)
