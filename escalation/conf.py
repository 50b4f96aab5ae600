"""Every number of this app, with its unit and its default; `settings.RINGMASTER` overrides by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from agents.domain.networks import check_url
from agents.domain.settings import between, read_settings
from escalation.domain.channels import Channel, ChannelKind, read_channels
from escalation.domain.sla import SlaClass
from escalation.domain.two_factor import TwoFactor

# (first touch, resolution) in seconds.
_SLA_SECONDS: dict[str, tuple[float, float]] = {"customer-facing": (60, 300), "internal": (360, 1800)}


@dataclass(frozen=True, slots=True)
class Conf:
    """Settings of escalation.

    Attributes:
        TICKET_CLAIM_SECONDS: how long a claim lasts unless it is renewed.
        OWN_DECISIONS: whoever asked for a run may decide its tickets; for installations with one person.
        TWO_FACTOR: who signs in with a code beside the password: "off", "deciders" or "all".
        TICKET_RENEWAL_SECONDS: for how long input at the page renews a claim, from when it was made.
        SLA_SECONDS: class -> (first touch, resolution); classes given in settings are added to the defaults.
        CHANNELS: name -> how messages go out over it; `domain/channels.py` says what there is.
        SITE_URL: where people open the console; messages link there.
        SEND_SECONDS: how long one sending may take.
    """

    TICKET_CLAIM_SECONDS: float = 300.0
    OWN_DECISIONS: bool = False
    TWO_FACTOR: str = TwoFactor.OFF.value
    TICKET_RENEWAL_SECONDS: float = 3600.0
    SLA_SECONDS: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(_SLA_SECONDS))

    CHANNELS: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    SITE_URL: str = ""
    SEND_SECONDS: float = between(10.0, 0.1, 20.0)

    @property
    def channels(self) -> dict[str, Channel]:
        """Return the ways out by name."""
        return read_channels(self.CHANNELS)

    @property
    def usual_channels(self) -> list[str]:
        """Return the channel that reaches who has chosen none: the first one for mail."""
        mail = (
            name for name, one in self.channels.items() if one.kind is ChannelKind.MAIL and one.for_people
        )
        return list(mail)[:1]

    @property
    def team_channels(self) -> list[str]:
        """Return the channel of a queue that has chosen none: the first one for mail that says whom it goes to."""
        mail = (name for name, one in self.channels.items() if one.kind is ChannelKind.MAIL and one.to)
        return list(mail)[:1]

    def locate(self, path: str) -> str:
        """Return the address of a page as people open it."""
        return f"{self.SITE_URL.rstrip('/')}{path}"

    @property
    def claim_lease(self) -> timedelta:
        """Return how long a claim lasts."""
        return timedelta(seconds=self.TICKET_CLAIM_SECONDS)

    @property
    def claim_renewal(self) -> timedelta:
        """Return for how long input renews a claim, from when it was made."""
        return timedelta(seconds=self.TICKET_RENEWAL_SECONDS)

    @property
    def sla_classes(self) -> dict[str, SlaClass]:
        """Return the SLA classes by name."""
        return {
            name: SlaClass(name, timedelta(seconds=touch), timedelta(seconds=resolution))
            for name, (touch, resolution) in self.SLA_SECONDS.items()
        }


@lru_cache(maxsize=1)
def get_conf() -> Conf:
    """Return the settings, defaults filled in.

    Raises: ImproperlyConfigured: naming the setting and what it must look like.
    """
    try:
        conf = read_settings(Conf, getattr(settings, "RINGMASTER", {}))
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
    try:
        conf = replace(conf, SLA_SECONDS={**_SLA_SECONDS, **conf.SLA_SECONDS})
        conf.sla_classes  # noqa: B018 - building the classes checks their figures
    except (TypeError, ValueError, OverflowError) as error:
        raise ImproperlyConfigured(
            f"RINGMASTER['SLA_SECONDS'] must map a class to (first touch, resolution) in seconds: {error}"
        ) from error
    if conf.TWO_FACTOR not in set(TwoFactor):
        raise ImproperlyConfigured(
            f"RINGMASTER['TWO_FACTOR'] must be one of {', '.join(TwoFactor)}, this is {conf.TWO_FACTOR!r:.80}"
        )
    _check_channels(conf)
    return conf


def _check_channels(conf: Conf) -> None:
    try:
        channels = conf.channels
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
    if conf.SITE_URL or channels:
        try:
            check_url(conf.SITE_URL)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"RINGMASTER['SITE_URL'] is where people open the console; messages link there: {error}"
            ) from None


def _forget(*, setting: str, **_: object) -> None:
    if setting == "RINGMASTER":
        get_conf.cache_clear()


setting_changed.connect(_forget)  # only Django's test tools send this; production reads once
