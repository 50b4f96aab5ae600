"""Every number of this app, with its unit and its default; `settings.RINGMASTER` overrides by name.

Read at call time, so that a test's override_settings holds.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from orchestration.domain.signing import Signer, build_signer


@dataclass(frozen=True, slots=True)
class Conf:
    """Settings of the engine. Durations are seconds."""

    ESCALATOR: str = "escalation.escrow.DatabaseEscalator"
    MAINTENANCE_DUTIES: tuple[str, ...] = ()
    SIGNING_KEY: str | None = None
    FLOWER_URL: str = ""

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

    HANDOFF_TOKEN_BUDGET: int = 4000
    TOKENIZER: str = "characters"
    SUMMARISER: str = "orchestration.handoff.summary.summarise_extractively"
    DEFAULT_MIN_CONFIDENCE: float = 0.7
    MAX_INPUT_BYTES: int = 1_048_576

    MAX_FAN_OUT: int = 10_000
    MAX_RUN_STEPS: int = 25_000
    MAX_STEP_DEPTH: int = 8
    MAX_RUN_DEPTH: int = 32


@lru_cache(maxsize=1)
def get_conf() -> Conf:
    """Return the engine's settings, defaults filled in."""
    known = {field.name for field in fields(Conf)}
    given: dict[str, Any] = {k: v for k, v in getattr(settings, "RINGMASTER", {}).items() if k in known}
    if "MAINTENANCE_DUTIES" in given:
        given["MAINTENANCE_DUTIES"] = tuple(given["MAINTENANCE_DUTIES"])
    return Conf(**given)


def get_signer() -> Signer:
    """Return the signer of closed rounds: RINGMASTER["SIGNING_KEY"], else derived from SECRET_KEY."""
    return build_signer(get_conf().SIGNING_KEY, settings.SECRET_KEY)


def _forget(*, setting: str, **_: object) -> None:
    if setting == "RINGMASTER":
        get_conf.cache_clear()


setting_changed.connect(_forget)  # only Django's test tools send this; production reads once
