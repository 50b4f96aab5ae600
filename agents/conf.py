"""Every number of this app, with its unit and its default; `settings.RINGMASTER` overrides by name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from agents.domain.circuit import Limits
from agents.domain.contract import MAX_SLOTS
from agents.domain.failure_kinds import FailureKind
from agents.domain.failure_table import REGISTRABLE
from agents.domain.model_specs import ModelSpec, read_models
from agents.domain.networks import Network, read_networks
from agents.domain.settings import read_settings

DEFAULT_CAPACITY = 1
"""Of a pool that an agent names and nobody has sized: the one number that can't be too many."""


@dataclass(frozen=True, slots=True)
class Conf:
    """Settings of breakers, pools and models. Durations are seconds.

    Attributes:
        BREAKER_FAILURES: a breaker opens at more counted failures than this.
        BREAKER_WINDOW_SECONDS: within so long.
        BREAKER_FAILURE_SHARE: if they are also at least this part of the agent's calls within that time.
        BREAKER_PAUSE_SECONDS: how long it first keeps work away before one probe may pass.
        BREAKER_MAX_PAUSE_SECONDS: each failed probe doubles the pause, up to this.
        BREAKERS: agent -> its own numbers, by the names `failures`, `failure_share`, `window_seconds`,
            `pause_seconds` and `max_pause_seconds`; what is not there is as above.
        ERROR_KINDS: dotted path of an exception's class -> what its being raised means: one of `transient`,
            `rate_limit`, `timeout`, `bad_input`, `permanent`, `unreadable`.
        POOLS: pool -> how many slots it has, unless a person set another number.
        MODELS: name -> a model, `provider:model` or an object with more; `agents/domain/model_specs.py`.
        EGRESS_NETWORKS: networks that may be spoken to though they are not of the open internet, such as `10.1.0.0/16`.
        STREAM_URL: the Redis or Valkey by which pages are told what models say while they say it; "": they are not.
    """

    BREAKER_FAILURES: int = 5
    BREAKER_FAILURE_SHARE: float = 0.1
    BREAKER_WINDOW_SECONDS: float = 60.0
    BREAKER_PAUSE_SECONDS: float = 30.0
    BREAKER_MAX_PAUSE_SECONDS: float = 600.0
    BREAKERS: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    POOLS: Mapping[str, int] = field(default_factory=dict)
    ERROR_KINDS: Mapping[str, FailureKind] = field(default_factory=dict)
    MODELS: Mapping[str, ModelSpec] = field(default_factory=dict)
    EGRESS_NETWORKS: tuple[str, ...] = ()
    STREAM_URL: str = ""

    @property
    def egress_networks(self) -> tuple[Network, ...]:
        """Return the networks that an operator listed."""
        return read_networks(self.EGRESS_NETWORKS)

    @property
    def limits(self) -> Limits:
        """Return the numbers of agents that have none of their own."""
        return Limits(
            failures=self.BREAKER_FAILURES,
            failure_share=self.BREAKER_FAILURE_SHARE,
            window_seconds=self.BREAKER_WINDOW_SECONDS,
            pause_seconds=self.BREAKER_PAUSE_SECONDS,
            max_pause_seconds=self.BREAKER_MAX_PAUSE_SECONDS,
        )

    def limits_of(self, agent: str) -> Limits:
        """Return the numbers that hold for an agent."""
        own: dict[str, Any] = dict(self.BREAKERS.get(agent, {}))
        return Limits(**{**asdict(self.limits), **own}) if own else self.limits

    def capacity_of(self, pool: str) -> int:
        """Return how many slots a pool has as long as no person set another number."""
        return self.POOLS.get(pool, DEFAULT_CAPACITY)


@lru_cache(maxsize=1)
def get_conf() -> Conf:
    """Return the settings, defaults filled in.

    Raises: ImproperlyConfigured: naming the setting and what it must look like.
    """
    try:
        conf = read_settings(Conf, getattr(settings, "RINGMASTER", {}))
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
    _check_breakers(conf)
    _check_pools(conf.POOLS)
    try:
        conf.egress_networks  # noqa: B018 - reading them checks them
    except ValueError as error:
        raise ImproperlyConfigured(f"RINGMASTER['EGRESS_NETWORKS']: {error}") from None
    return replace(conf, ERROR_KINDS=_read_kinds(conf.ERROR_KINDS), MODELS=_read_models(conf.MODELS))


def list_secrets() -> list[str]:
    """Return the secrets of this installation's settings: keys, and the passwords of its database and its broker."""
    own = getattr(settings, "RINGMASTER", {})
    brokers = (getattr(settings, name, None) for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"))
    urls = (*brokers, own.get("STREAM_URL"))
    passwords = [urlsplit(url).password for url in urls if isinstance(url, str) and "://" in url]
    found = [
        settings.SECRET_KEY,
        *getattr(settings, "SECRET_KEY_FALLBACKS", ()),
        own.get("SIGNING_KEY"),
        *passwords,
        *(unquote(password) for password in passwords if password),
        getattr(settings, "EMAIL_HOST_PASSWORD", ""),
        *(database.get("PASSWORD") for database in settings.DATABASES.values()),
    ]
    return [str(secret) for secret in found if secret]


def _read_models(said: object) -> Mapping[str, ModelSpec]:
    try:
        return read_models(said)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


def _read_kinds(said: object) -> Mapping[str, FailureKind]:
    known = {kind.value: kind for kind in REGISTRABLE}
    if not isinstance(said, Mapping):
        raise ImproperlyConfigured(
            f"RINGMASTER['ERROR_KINDS'] must map an exception's dotted path to a kind: {said!r:.80}"
        )
    for path, kind in said.items():
        if not isinstance(path, str) or "." not in path or kind not in list(known):
            raise ImproperlyConfigured(
                f"RINGMASTER['ERROR_KINDS'][{path!r:.80}]: map a dotted path, such as 'acme.errors.Busy', to one of "
                f"{', '.join(known)}; this is {kind!r:.80}"
            )
    return {path: known[kind] for path, kind in said.items()}


def _check_breakers(conf: Conf) -> None:
    try:
        for limits in (conf.limits, *map(conf.limits_of, conf.BREAKERS)):
            limits.check()
    except (TypeError, ValueError, AttributeError) as error:
        names = ", ".join(item.name for item in fields(Limits))
        raise ImproperlyConfigured(
            f"RINGMASTER['BREAKER_...'] must be numbers above 0 and RINGMASTER['BREAKERS'] must map an agent to "
            f"numbers named {names}: {error}"
        ) from error


def _check_pools(pools: object) -> None:
    if not isinstance(pools, Mapping):
        raise ImproperlyConfigured(
            f"RINGMASTER['POOLS'] must map a pool to its number of slots: {pools!r:.80}"
        )
    for name, slots in pools.items():
        if isinstance(slots, bool) or not isinstance(slots, int) or not 0 <= slots <= MAX_SLOTS:
            raise ImproperlyConfigured(
                f"RINGMASTER['POOLS']['{name}'] must be a whole number from 0 to {MAX_SLOTS}, this is {slots!r:.80}"
            )


def _forget(*, setting: str, **_: object) -> None:
    if setting == "RINGMASTER":
        get_conf.cache_clear()


setting_changed.connect(_forget)  # only Django's test tools send this; production reads once
