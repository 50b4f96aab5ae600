"""What the spec of a held step says to those who decide on it."""

from collections.abc import Iterable

from agents.selectors import find_contract
from orchestration.domain.plan import resolve_spec
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import StepKind
from orchestration.domain.work import HeldStep
from orchestration.errors import SpecInvalid
from orchestration.models import Step
from orchestration.planning import load_plan


def read_spec(step: Step) -> StepSpec | None:
    """Return the spec that a step follows; None if it can't be read any more.

    Asks for the run and its workflow: select `run__workflow` along.
    """
    workflow = step.run.workflow
    return find_spec(
        workflow.pk, workflow.digest, StepKind(step.kind), step.spec_key, step.spec_json, step.agent
    )


def find_spec(
    workflow_id: int, digest: str, kind: StepKind, spec_key: str, spec_json: str | None, agent: str
) -> StepSpec | None:
    """Return the spec of a step by what its row says; None if it can't be read any more."""
    try:
        steps = load_plan(workflow_id, digest)[0].step_map
        return resolve_spec(steps, kind, spec_key, spec_json, agent)
    except (KeyError, SpecInvalid):
        return None


def find_spec_of(held: HeldStep) -> StepSpec | None:
    """Return the spec of a held step under lock; None if it can't be read any more."""
    return find_spec(held.workflow_id, held.spec_digest, held.kind, held.spec_key, held.spec_json, held.agent)


def list_next_agents(spec: StepSpec | None, agent: str, listed: Iterable[str] = ()) -> list[str]:
    """Return the agents that a step can be handed to: its fallbacks, then those that are listed.

    Only such as are known here, and not the one that has it. A child run and a list of items have none.

    Args: agent: who does it now.  listed: what the review queue allows beside.
    """
    if spec is None or spec.workflow is not None or spec.for_each is not None:
        return []
    named = dict.fromkeys((spec.agent, *spec.fallback, *listed))
    return [name for name in named if name != agent and find_contract(name) is not None]
