"""Devices and codes: one authenticator app and one set of recovery codes a person.

Recovery codes are kept as keyed hashes: who reads the table can't sign in with them. The secret of an app can't be,
as codes are worked out from it; whoever reads the database has it.
"""

import base64
import math
import secrets
from datetime import datetime
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

_NAME: Final = "authenticator app"
_RECOVERY: Final = "recovery codes"
_CODES: Final = 10
_CODE_BYTES: Final = 10
_DIGITS: Final = 6
# django-otp keeps 16 characters of a recovery code: 64 bits of the hash.
_HASH_LENGTH: Final = 16
_KINDS: Final[tuple[type[Device], ...]] = (TOTPDevice, StaticDevice)

_BY_LABEL: Final = {kind.model_label(): kind for kind in _KINDS}


class CodeRefused(Exception):
    """A code is not right, was used before, or must wait; the message says what to do."""


class AlreadyEnrolled(Exception):
    """The person has a device by now."""


def has_device(user: User) -> bool:
    """Return whether somebody has set a second factor up."""
    return bool(TOTPDevice.objects.filter(user=user.pk, confirmed=True).exists())


def is_device_of(user: User, device_id: str) -> bool:
    """Return whether a session's device is there, and this person's own."""
    label, _, number = device_id.rpartition("/")
    kind = _BY_LABEL.get(label)
    if kind is None or not (number.isascii() and number.isdecimal()):
        return False
    return bool(kind.objects.filter(pk=int(number), user=user.pk, confirmed=True).exists())


def verify_code(user: User, code: str) -> Device:
    """Return the device that a code is of; the code is used up by that.

    Raises: CodeRefused: it is none of theirs, was used before, or comes too soon after wrong ones.
    """
    text = "".join(code.split()).replace("-", "").casefold()
    is_of_app = len(text) == _DIGITS and text.isascii() and text.isdecimal()
    kind, given = (TOTPDevice, text) if is_of_app else (StaticDevice, _hash(user, text))
    # The row is locked, so that of two who send one code at once one is let in. What a wrong code changes must be
    # committed: the refusal is raised behind the transaction.
    with transaction.atomic():
        device = kind.objects.select_for_update().filter(user=user.pk, confirmed=True).first()
        is_allowed, why = device.verify_is_allowed() if device else (True, None)
        if device is not None and is_allowed and device.verify_token(given):
            return device
    if not is_allowed:
        raise CodeRefused(_say_locked((why or {}).get("locked_until")))
    raise CodeRefused(
        "This code is not right, or was used before. Enter the one that your app shows now, or a recovery code that "
        "you have not used yet."
    )


def _say_locked(until: datetime | None) -> str:
    seconds = (until - timezone.now()).total_seconds() if until else 60
    wait = f"{math.ceil(seconds)} seconds" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    return (
        f"Too many codes were wrong. Nothing was looked at; try again in {wait}, or ask your lead or an administrator "
        "to reset your second factor. If it was not you who tried, change your password: somebody knows it."
    )


def make_key() -> str:
    """Return a new secret for an authenticator app, hexadecimal."""
    return secrets.token_hex(20)


def describe_key(user: User, key: str) -> tuple[str, str]:
    """Return a secret as apps take it: as the address that is drawn as a QR code, and as text in groups of four."""
    text = base64.b32encode(bytes.fromhex(key)).decode()
    groups = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    return TOTPDevice(user=user, key=key).config_url, groups


def enrol(user: User, key: str, code: str, *, replaces: bool) -> tuple[Device, list[str]]:
    """Set up the app that holds a secret, with new recovery codes; return the device and the codes.

    Args: code: of the app, to show that it holds the secret.  replaces: the one that they had goes.

    Raises: CodeRefused: the code is not the secret's.  AlreadyEnrolled: they have a device, and it stays.
    """
    with transaction.atomic():
        # Of two who set one up at once, the second finds the first's.
        User.objects.select_for_update().get(pk=user.pk)
        old = TOTPDevice.objects.filter(user=user.pk)
        if not replaces and old.filter(confirmed=True).exists():
            raise AlreadyEnrolled
        old.delete()
        device = TOTPDevice.objects.create(user=user, name=_NAME, key=key)
        if not device.verify_token("".join(code.split())):
            raise CodeRefused(
                "This code is not of the secret shown here. Scan it anew, and look whether the clock of your phone is "
                "right."
            )
        return device, renew_recovery_codes(user)


def renew_recovery_codes(user: User) -> list[str]:
    """Make new recovery codes in place of those before, and return them: they are never told again."""
    codes = [_make_code() for _ in range(_CODES)]
    with transaction.atomic():
        device, _ = StaticDevice.objects.get_or_create(user=user, defaults={"name": _RECOVERY})
        StaticToken.objects.filter(device=device).delete()
        tokens = [StaticToken(device=device, token=_hash(user, code.replace("-", ""))) for code in codes]
        StaticToken.objects.bulk_create(tokens)
    return codes


def count_recovery_codes(user: User) -> int:
    """Return how many recovery codes somebody has left."""
    return int(StaticToken.objects.filter(device__user=user.pk).count())


def remove_devices(user: User) -> bool:
    """Take away somebody's app and recovery codes; return whether there were any."""
    taken = [kind.objects.filter(user=user.pk).delete()[0] for kind in _KINDS]
    return any(taken)


def _make_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _hash(user: User, code: str) -> str:
    return salted_hmac("config.second_factor", f"{user.pk} {code}", algorithm="sha256").hexdigest()[
        :_HASH_LENGTH
    ]
