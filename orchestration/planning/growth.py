"""What a step grows: a child per item, the steps its agent spawned, the verifiers of its output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.domain.invocation import canonical_json
from agents.selectors import find_contract
from orchestration.domain.plan import Child, Growth, local_name, name_child
from orchestration.domain.spec import (
    StepSpec,
    dump_step,
    find_agent_problems,
    find_step_problems,
    load_step,
    order_steps,
)
from orchestration.domain.spec_words import find_output_misfits
from orchestration.domain.states import Stage, StepKind
from orchestration.domain.work import Claim
from orchestration.errors import Problem, SpecInvalid
from orchestration.planning.terms import find_terms, is_gated


def plan_items(claim: Claim, spec: StepSpec, items: Sequence[Any]) -> Growth:
    """Return one child per item of a `for_each`."""
    terms = find_terms(spec.agent, spec.timeout_seconds)
    children = tuple(
        Child(
            key=name_child(claim.key, claim.revision, StepKind.ITEM, index),
            kind=StepKind.ITEM,
            index=index,
            agent=spec.agent,
            queue=terms.queue,
            timeout_seconds=terms.timeout_seconds,
            item_json=canonical_json(item),
            spec_key=claim.spec_key,
            spec_json=claim.spec_json,
            gated=spec.verify is not None,
            pools=terms.pools,
            inherits=True,
        )
        for index, item in enumerate(items)
    )
    return Growth(Stage.ITEMS, "for_each", children)


def plan_spawned(claim: Claim, said: Sequence[Any], output_json: str) -> Growth:
    """Return the children that an agent asked for.

    Args: said: `StepSpec` or their JSON form.  output_json: the agent's own answer, which they read as `item`.
    Raises: SpecInvalid: naming step and field.
    """
    steps = order_steps(_read_spawned(said))
    place = {step.key: index for index, step in enumerate(steps)}
    children = tuple(_plan_spawned(claim, step, place, output_json) for step in steps)
    return Growth(Stage.SPAWNED, "spawned", children, proposed_json=output_json)


def plan_verifiers(claim: Claim, spec: StepSpec, output_json: str) -> Growth:
    """Return the verifiers of a proposed output; they are handed what the step itself was."""
    agents = spec.verify.agents if spec.verify else ()
    children = tuple(_plan_verifier(claim, agent, index, output_json) for index, agent in enumerate(agents))
    return Growth(Stage.VERDICTS, "to_be_verified", children, proposed_json=output_json)


@dataclass(frozen=True, slots=True)
class SummaryWish:
    """A summary that a step is to be handed. `wish_json`: what its maker is told."""

    sender_id: int
    sender_key: str
    wish_json: str


def plan_summaries(claim: Claim, agent: str, wishes: Sequence[SummaryWish]) -> Growth:
    """Return the steps that make what a step is to be handed; each is handed one original, whole.

    A further attempt may want a summary that an earlier one had no need of: its step gets a key of its own.
    """
    terms = find_terms(agent)
    again = f".{claim.attempt}" if claim.attempt > 1 else ""
    children = tuple(
        Child(
            key=name_child(
                claim.key, claim.revision, StepKind.SUMMARY, index, f"{local_name(wish.sender_key)}{again}"
            ),
            kind=StepKind.SUMMARY,
            index=index,
            agent=agent,
            queue=terms.queue,
            timeout_seconds=terms.timeout_seconds,
            item_json=wish.wish_json,
            spec_key=claim.spec_key or claim.key,
            spec_json=claim.spec_json,
            pools=terms.pools,
            senders=(wish.sender_id,),
        )
        for index, wish in enumerate(wishes)
    )
    return Growth(Stage.SUMMARIES, "summaries", children)


def _plan_verifier(claim: Claim, agent: str, index: int, output_json: str) -> Child:
    terms = find_terms(agent)
    return Child(
        key=name_child(claim.key, claim.revision, StepKind.VERIFIER, index),
        kind=StepKind.VERIFIER,
        index=index,
        agent=agent,
        queue=terms.queue,
        timeout_seconds=terms.timeout_seconds,
        item_json=output_json,
        spec_key=claim.spec_key,
        spec_json=claim.spec_json,
        pools=terms.pools,
        inherits=True,
    )


def _read_spawned(said: Sequence[Any]) -> list[StepSpec]:
    """Return the steps an agent asked for, each and all together fit to be done."""
    steps = [load_step(one) for one in said]
    problems = (
        find_step_problems(steps)
        + find_agent_problems(steps, find_contract)
        + find_output_misfits(steps, find_contract)
    )
    # An agent's plan is no reason to end what others do, nor a way past the verifiers of the one that spawned.
    problems += [
        Problem(step.key, "ends_run", "only a step of the workflow itself may end the run; remove it")
        for step in steps
        if step.ends_run
    ]
    if problems:
        raise SpecInvalid(problems)
    return steps


def _plan_spawned(claim: Claim, step: StepSpec, place: Mapping[str, int], output_json: str) -> Child:
    terms = find_terms(step.agent, step.timeout_seconds)
    return Child(
        key=name_child(claim.key, claim.revision, StepKind.SPAWNED, place[step.key], step.key),
        kind=StepKind.SPAWNED,
        index=place[step.key],
        agent=step.agent,
        queue=terms.queue,
        timeout_seconds=terms.timeout_seconds,
        item_json=output_json,
        spec_key=step.key,
        spec_json=dump_step(step),
        gated=is_gated(step),
        pools=terms.pools,
        needs=tuple(place[key] for key in step.needs),
        after=tuple(place[key] for key in step.after if key not in step.needs),
    )
