"""The ways out of the desk, as an operator names them in RINGMASTER["CHANNELS"], and what is refused at the start.

Nothing said here repeats a value: addresses of webhooks and of chat services are secrets.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from agents.domain.networks import check_url


class ChannelKind(StrEnum):
    """How a channel sends."""

    MAIL = "mail"
    WEBHOOK = "webhook"
    APPRISE = "apprise"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way out.

    Attributes:
        for_people: people may choose it to be reached themselves; without it, queues alone do.
        to: mail: whom what is told to a queue goes to.  sender: mail: whom it comes from; "": DEFAULT_FROM_EMAIL.
        url: webhook, apprise: where it goes.  secrets: webhook: one that signs, and while it is changed a second one.
    """

    name: str
    kind: ChannelKind
    for_people: bool = False
    to: tuple[str, ...] = ()
    sender: str = ""
    url: str = ""
    secrets: tuple[str, ...] = ()


_OPTIONS: Final[Mapping[ChannelKind, frozenset[str]]] = {
    ChannelKind.MAIL: frozenset({"for_people", "to", "sender"}),
    ChannelKind.WEBHOOK: frozenset({"for_people", "url", "secrets"}),
    ChannelKind.APPRISE: frozenset({"url"}),
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
_LEAST_SECRET_BYTES, _MOST_SECRETS = 24, 2

# Services whose own servers are spoken to, whatever else the address says; of the last, any that is the service's.
_FIXED: Final = frozenset({"slack", "discord", "tgram", "pover", "pagerduty", "opsgenie", "gchat", "wxteams"})
_ENDS: Final[Mapping[str, tuple[str, ...]]] = {
    "workflows": (".logic.azure.com", ".api.powerplatform.com"),  # Microsoft Teams
}
_FORBIDDEN_OPTIONS: Final = frozenset({"redirect", "verify"})


def read_channels(given: object) -> dict[str, Channel]:
    """Return the channels by name.

    Raises: ValueError: a line for each that can't be used, saying what can.
    """
    if not isinstance(given, Mapping):
        raise ValueError("RINGMASTER['CHANNELS'] must map a name to the options of a channel")  # noqa: TRY004 - as all settings
    channels, faults = {}, []
    for name, options in given.items():
        try:
            channels[str(name)] = _read(name, options)
        except ValueError as error:
            faults.append(f"RINGMASTER['CHANNELS'][{str(name)[:60]!r}]: {error}")
    if faults:
        raise ValueError("\n".join(faults))
    return channels


def is_address(text: str) -> bool:
    """Tell whether a text is one plain mail address, fit for a header."""
    return _ADDRESS.fullmatch(text) is not None and ".." not in text


def _read(name: object, options: object) -> Channel:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("a name has small letters, digits and hyphens, at most 60")
    if not isinstance(options, Mapping) or options.get("kind") not in list(ChannelKind):
        raise ValueError(f"it needs a 'kind': {', '.join(ChannelKind)}")
    kind = ChannelKind(options["kind"])
    allowed = {"kind"} | _OPTIONS[kind]
    if unknown := sorted(str(key)[:30] for key in options if key not in allowed):
        raise ValueError(
            f"a channel of kind {kind} has no {', '.join(unknown)}; it has {', '.join(sorted(allowed))}"
        )
    channel = Channel(name=name, kind=kind, **_read_options(kind, options))
    _CHECKS[kind](channel)
    return channel


def _read_options(kind: ChannelKind, options: Mapping[str, object]) -> dict[str, Any]:
    """Return the options by the types of their fields; mail is for people unless the operator says otherwise."""
    read: dict[str, Any] = {"for_people": kind is ChannelKind.MAIL}
    for item in fields(Channel):
        if item.name in {"name", "kind"} or item.name not in options:
            continue
        value = options[item.name]
        if item.name == "for_people":
            is_fine = isinstance(value, bool)
        elif item.name in {"to", "secrets"}:
            is_fine = isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
            value = tuple(value) if is_fine else ()  # type: ignore[arg-type]
        else:
            is_fine = isinstance(value, str)
        if not is_fine:
            raise ValueError(f"'{item.name}' must be {_WANTED.get(item.name, 'a text')}")
        read[item.name] = value
    return read


_WANTED: Final = {"for_people": "true or false", "to": "a list of texts", "secrets": "a list of texts"}


def _check_mail(channel: Channel) -> None:
    if not all(map(is_address, channel.to)):
        raise ValueError("'to' must list plain mail addresses, such as leads@example.org")
    if channel.sender and not is_address(channel.sender):
        raise ValueError("'sender' must be one plain mail address, such as desk@example.org")
    if not channel.to and not channel.for_people:
        raise ValueError("it reaches nobody: list addresses in 'to', or set 'for_people'")


def _check_webhook(channel: Channel) -> None:
    try:
        check_url(channel.url)
    except ValueError as error:
        raise ValueError(f"'url': {error}") from None
    if not 1 <= len(channel.secrets) <= _MOST_SECRETS or not all(map(_is_secret, channel.secrets)):
        raise ValueError(
            f"'secrets' must list one secret, or two while it is changed, each {_LEAST_SECRET_BYTES} random bytes or "
            "more in base64: echo whsec_$(openssl rand -base64 32)"
        )


def _is_secret(text: str) -> bool:
    try:
        return len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) >= _LEAST_SECRET_BYTES
    except (binascii.Error, ValueError):
        return False


def _check_apprise(channel: Channel) -> None:
    parts = urlsplit(channel.url)
    ends = _ENDS.get(parts.scheme)
    if parts.scheme not in _FIXED and ends is None:
        known = ", ".join(sorted(_FIXED | set(_ENDS)))
        raise ValueError(
            f"'url' must be of a service whose servers are its own: {known}; for others there are webhooks"
        )
    if ends is not None and not (parts.hostname or "").endswith(ends):
        raise ValueError(f"'url': the host must end in {' or '.join(ends)}")
    if _FORBIDDEN_OPTIONS & {key.lower() for key, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        raise ValueError(f"'url' may not set {' or '.join(sorted(_FORBIDDEN_OPTIONS))}")


_CHECKS: Final = {
    ChannelKind.MAIL: _check_mail,
    ChannelKind.WEBHOOK: _check_webhook,
    ChannelKind.APPRISE: _check_apprise,
}
