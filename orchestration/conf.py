"""Every number of this app, with its unit and its default; `settings.RINGMASTER` overrides by name.

Read at call time, so that a test's override_settings holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from agents.domain.settings import between, read_settings
from orchestration.domain.signing import Signer, build_signer, check_public_key


@dataclass(frozen=True, slots=True)
class Conf:
    """Settings of the engine. Durations are seconds."""

    ESCALATOR: str = "escalation.escrow.DatabaseEscalator"
    MAINTENANCE_DUTIES: tuple[str, ...] = ()
    MAINTENANCE_COMPANIONS: tuple[str, ...] = ()
    HOLD_BACKS: str = ""
    LOOKS: Mapping[str, str] = field(default_factory=dict)
    SIGNING_KEY: str | None = None
    FORMER_SIGNING_KEYS: tuple[str, ...] = ()
    FLOWER_URL: str = ""
    SITE_URL: str = ""

    LEASE_SECONDS: float = 15.0
    HEARTBEAT_SECONDS: float = 1.0
    SWEEP_SECONDS: float = 1.0
    DEADLINE_GRACE_SECONDS: float = 5.0
    STEP_TIMEOUT_SECONDS: float = 300.0
    CRASH_LIMIT: int = 3

    LOST_AFTER_SECONDS: float = 5.0
    REDISPATCH_LIMIT: int = 200
    CHAIN_LINKS: int = 20
    CHORD_HEADERS: int = 200
    RUN_ON_SECONDS: float = 0.1
    PUBLISH_BUDGET_SECONDS: float = 0.5

    HANDOFF_TOKENS: int = 4000
    TOKENIZER: str = "characters"
    SUMMARISER: str = "orchestration.handoff.summary.summarise_extractively"
    SUMMARISER_AGENT: str = ""
    FETCH_TOKENS: int = 8_000
    DEFAULT_MIN_CONFIDENCE: float = between(0.7, 0.0, 1.0)
    MAX_INPUT_BYTES: int = 1_048_576
    # PostgreSQL gives no row of more than a gigabyte, and text doubles where it is quoted.
    MAX_COLLECTED_BYTES: int = between(4_194_304, 1, 268_435_456)

    CALLS_PER_ATTEMPT: int = 1_000
    CALL_BYTES_PER_ATTEMPT: int = between(1_048_576, 1, 268_435_456)

    MAILBOX_LIMIT: int = between(10_000, 1, 1_000_000)
    EMBEDDER: str = "orchestration.memory.wordllama.WordLlamaEmbedder"
    VECTOR_INDEX: str = ""

    EXPRESSION_SECONDS: float = between(5.0, 0.1, 60.0)
    EXPRESSION_HELPERS: int = 2

    MAX_FAN_OUT: int = 10_000
    MAX_RUN_STEPS: int = 25_000
    MAX_STEP_DEPTH: int = 8
    MAX_RUN_DEPTH: int = 32


@lru_cache(maxsize=1)
def get_conf() -> Conf:
    """Return the engine's settings, defaults filled in.

    Raises: ImproperlyConfigured: a line for each value that can't be used, naming it and what can.
    """
    try:
        return read_settings(Conf, getattr(settings, "RINGMASTER", {}))
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


def get_signer() -> Signer:
    """Return the signer of closed rounds: RINGMASTER["SIGNING_KEY"], else derived from SECRET_KEY."""
    return build_signer(get_conf().SIGNING_KEY, settings.SECRET_KEY)


def get_former_keys() -> tuple[str, ...]:
    """Return the public keys, hexadecimal, with which this installation signed before it got the one that it has.

    Raises: ValueError: an entry of RINGMASTER["FORMER_SIGNING_KEYS"] is none.
    """
    keys = get_conf().FORMER_SIGNING_KEYS
    for key in keys:
        check_public_key(key)
    return keys


def _forget(*, setting: str, **_: object) -> None:
    if setting == "RINGMASTER":
        get_conf.cache_clear()


setting_changed.connect(_forget)  # only Django's test tools send this; production reads once
