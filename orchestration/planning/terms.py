"""How an agent is run, as its contract and the step's spec say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agents.selectors import find_contract
from orchestration.conf import get_conf
from orchestration.domain.plan import Limits
from orchestration.domain.spec import StepSpec

DEFAULT_QUEUE = "steps"


@dataclass(frozen=True, slots=True)
class Terms:
    """How an agent is run: on which queue, for how long, and with which slots of which pools."""

    queue: str
    timeout_seconds: float
    pools: Mapping[str, int] = field(default_factory=dict)


def find_terms(agent: str, step_timeout_seconds: float | None = None) -> Terms:
    """Return the terms of an agent; of the defaults when nobody here knows it.

    Args: agent: may name a version.  step_timeout_seconds: what the step's spec says, which comes first.
    """
    contract = find_contract(agent) or find_contract(agent.partition("@")[0])
    own_timeout = contract.timeout_seconds if contract else None
    return Terms(
        queue=contract.queue if contract else DEFAULT_QUEUE,
        timeout_seconds=step_timeout_seconds or own_timeout or get_conf().STEP_TIMEOUT_SECONDS,
        pools=contract.pools if contract else {},
    )


def get_limits() -> Limits:
    """Return how far a run may grow."""
    conf = get_conf()
    return Limits(conf.MAX_FAN_OUT, conf.MAX_RUN_STEPS, conf.MAX_STEP_DEPTH, conf.MAX_RUN_DEPTH)


def is_gated(step: StepSpec) -> bool:
    """Return whether the step itself must be verified; of a `for_each`, each item is."""
    return step.verify is not None and step.for_each is None
