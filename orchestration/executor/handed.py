"""A step that a person handed to another agent: who did, for its receipt, and the schema that the answer must meet."""

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Answered, FailureKind, Outcome
from agents.domain.json_schema import SchemaInvalid, find_fault
from agents.selectors import find_contract
from orchestration.domain.receipts import AttemptLine
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind, ResolutionKind
from orchestration.domain.work import PERSON, Claim
from orchestration.selectors.resolutions import find_resolution_after


def find_handed(claim: Claim, earlier: tuple[AttemptLine, ...]) -> str:
    """Return who handed a step to the agent that does it, as its receipt says; "" when nobody did.

    Asked only of a step on which people have decided before.
    """
    asked = [line.number for line in earlier if line.decision == DecisionKind.ESCALATE]
    if not asked:
        return ""
    said = find_resolution_after(claim.step_id, asked[-1])
    if said is None or said.kind is not ResolutionKind.HAND_ON:
        return ""
    return f"handed on by {PERSON}{said.by} ({said.ticket})"


def check_handed(claim: Claim, spec: StepSpec, outcome: Outcome) -> Outcome:
    """Refuse an answer that the step's own agent could not have given, of one that its spec does not name.

    Who wrote the spec vouches for the fallbacks it names; whom a review queue lists is anybody.
    """
    if not isinstance(outcome, Answered) or claim.agent == spec.agent or claim.agent in spec.fallback:
        return outcome
    contract = find_contract(spec.agent)
    if contract is None or contract.output_schema is None:
        return outcome
    try:
        fault = find_fault(contract.output_schema, outcome.output)
    except SchemaInvalid:
        return outcome
    if fault is None:
        return outcome
    message = (
        f"its output is none of '{spec.agent}', for which it does the step: output{fault[0]}: {fault[1]}"
    )
    return describe_refusal(FailureKind.UNREADABLE, message, claim.agent, agent_version=outcome.agent_version)
