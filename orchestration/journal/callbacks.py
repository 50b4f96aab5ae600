"""Addresses at which somebody without an account may send one signal to one run, for a while. Signed, not stored."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from django.core import signing
from django.urls import reverse

from agents.errors import CallRefused
from orchestration.conf import get_conf
from orchestration.errors import CallbackInvalid

_SALT: Final = "orchestration.callback"
ADDRESS: Final = "api-callback"


@dataclass(frozen=True, slots=True)
class Callback:
    """What an address allows. `key`: of the one signal that it stands for, however often it is called."""

    run_id: UUID
    name: str
    key: str
    expires_at: datetime


def make_callback_url(run_id: UUID, name: str, expires_at: datetime) -> str:
    """Return a new address for a signal.

    Args: expires_at: when it ends, by the database's clock.
    Raises: CallRefused: nobody has said where this installation is reached.
    """
    site = get_conf().SITE_URL.rstrip("/")
    if not site:
        raise CallRefused(
            "task.callback_url: set SITE_URL to the address at which others reach this installation, such as "
            "https://ringmaster.example.org"
        )
    allowed = [run_id.hex, name, uuid4().hex, expires_at.timestamp()]
    return site + reverse(ADDRESS, args=(signing.Signer(salt=_SALT).sign_object(allowed, compress=True),))


def read_callback(token: str) -> Callback:
    """Return what an address allows.

    Raises: CallbackInvalid: it was changed.
    """
    try:
        run, name, number, expires_at = signing.Signer(salt=_SALT).unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise CallbackInvalid(
            "this address is none that was given out: look whether it was copied whole"
        ) from error
    return Callback(UUID(run), str(name), f"callback:{number}", datetime.fromtimestamp(expires_at, UTC))
