"""API tokens: made by their owner, for the owner's rights or less, and with an end."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from orchestration.domain.rights import Scope
from orchestration.errors import TokenNotFound, TokenRefused
from orchestration.models import ApiToken, Project

LONGEST_DAYS: Final = 365
_LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that somebody wants. `project`: the only one it opens; None: all of its owner's."""

    name: str
    scopes: frozenset[str]
    project: Project | None
    days: int


def make_token(
    owner: AbstractBaseUser, wish: NewToken, *, by: ApiToken | None = None
) -> tuple[ApiToken, str]:
    """Make a token and return it with its key, which is kept as a hash only.

    Args: by: the token that asks for it; the new one is good for no more and no longer.
    Raises: TokenRefused: it would be, or it has no scope, or no name that can be kept.
    """
    if not 1 <= len(wish.name) <= _LONGEST_NAME:
        raise TokenRefused(f"name: 1 to {_LONGEST_NAME} characters, these are {len(wish.name)}")
    if not wish.scopes or not wish.scopes <= set(Scope):
        raise TokenRefused(f"scopes: choose from {', '.join(Scope)}")
    if not 1 <= wish.days <= LONGEST_DAYS:
        raise TokenRefused(f"days: 1 to {LONGEST_DAYS}, this is {wish.days}")
    if by is not None:
        _require_within(wish, by)
    token, key = ApiToken.objects.create(
        user=owner,
        expiry=timedelta(days=wish.days),
        name=wish.name,
        scopes=sorted(wish.scopes),
        project=wish.project,
    )
    return token, key


def revoke_token(owner: AbstractBaseUser, token_id: UUID) -> None:
    """End a person's token at once.

    Raises: TokenNotFound: there is none, or it is another person's.
    """
    ended, _ = ApiToken.objects.filter(user=owner.pk, public_id=token_id).delete()
    if not ended:
        raise TokenNotFound(f"you own no token {token_id}; the list of tokens shows yours")


def _require_within(wish: NewToken, by: ApiToken) -> None:
    if not wish.scopes <= set(by.scopes):
        raise TokenRefused(f"scopes: this token may give {', '.join(by.scopes)} at most")
    if by.project_id is not None and (wish.project is None or wish.project.pk != by.project_id):
        raise TokenRefused("project: this token is for one project, and so is what it makes; name that one")
    if by.expiry is not None and timezone.now() + timedelta(days=wish.days) > by.expiry:
        raise TokenRefused(f"days: the new token would outlive this one, which ends at {by.expiry:%Y-%m-%d}")
