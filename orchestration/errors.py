"""What can go wrong in orchestration, named by the fact. Every error carries a stable `code`."""

from dataclasses import dataclass
from typing import Final

MOST_FAULTS: Final = 100
"""That one refusal names; a body of a mebibyte can have a hundred thousand."""


class OrchestrationError(Exception):
    """Root of this app's errors."""

    code = "orchestration_error"


class ClaimLost(OrchestrationError):
    """The step's claim passed to another worker, or the run ended; nothing was written."""

    code = "claim_lost"


class RunNotFound(OrchestrationError):
    """No run has this id."""

    code = "run_not_found"


class StepNotHeld(OrchestrationError):
    """A resolution was offered for a step that is not (or no longer) held."""

    code = "step_not_held"


class ResolutionRefused(OrchestrationError):
    """The resolution does not fit the step: a missing output, an unknown kind, nothing to approve."""

    code = "resolution_refused"


class WorkflowNotFound(OrchestrationError):
    """No published workflow has this name."""

    code = "workflow_not_found"


class InputInvalid(OrchestrationError):
    """A run's input is not JSON, too large, or does not fit the workflow's input schema."""

    code = "input_invalid"


class IdempotencyConflict(OrchestrationError):
    """The idempotency key was used before with another input."""

    code = "idempotency_conflict"


class HandoffTooLarge(OrchestrationError):
    """What a step should be handed can't be brought under the tokens of a hand-off."""

    code = "handoff_too_large"


class WaitTimedOut(OrchestrationError):
    """The run did not reach a final state in the time given; it goes on."""

    code = "wait_timed_out"


class RunFinal(OrchestrationError):
    """The run has ended; what was asked for is for live runs."""

    code = "run_final"


class OutputInvalid(OrchestrationError):
    """What a run is to be finished with is no JSON, or too large."""

    code = "output_invalid"


class RunNotFailed(OrchestrationError):
    """Only a failed or cancelled run goes into a new round."""

    code = "run_not_failed"


class ProbeRefused(OrchestrationError):
    """A verifier can't be probed like this; the message names the line and the field."""

    code = "probe_refused"


class RunCompensating(OrchestrationError):
    """The run was aborted and undoes what it did; it can be cancelled, not paused."""

    code = "run_compensating"


class RunHasParent(OrchestrationError):
    """The run was started by a step of another run, which is the one to ask."""

    code = "run_has_parent"


class StepNotFound(OrchestrationError):
    """No step has this key or id, or none that the caller may see."""

    code = "step_not_found"


class CallNotFound(OrchestrationError):
    """No call has this id, or none that the caller may see."""

    code = "call_not_found"


class ActorNotFound(OrchestrationError):
    """No actor has this address or id, or none that the caller may see."""

    code = "actor_not_found"


class MailNotFound(OrchestrationError):
    """No message to actors or topics has this id, or none that the caller may see."""

    code = "mail_not_found"


class DeliveryNotFound(OrchestrationError):
    """No delivery has this id, or none that the caller may see."""

    code = "delivery_not_found"


class TopicNotFound(OrchestrationError):
    """No topic has this name or id, or none that the caller may see."""

    code = "topic_not_found"


class SubscriptionNotFound(OrchestrationError):
    """No subscription has this id, or none that the caller may see."""

    code = "subscription_not_found"


class SubscriptionKept(OrchestrationError):
    """A workflow's spec says that its actors listen: only another version of it ends that."""

    code = "subscription_kept"


class MessageInvalid(OrchestrationError):
    """A message, a topic or a subscription is none; names the field."""

    code = "message_invalid"


class LineageInvalid(OrchestrationError):
    """What the lineage is asked about is none; names the field."""

    code = "lineage_invalid"


class MessageConflict(OrchestrationError):
    """The key of a message was used before, for another one."""

    code = "message_conflict"


class MailboxFull(OrchestrationError):
    """So many messages wait for an actor that it takes no more."""

    code = "mailbox_full"


class SchemaBreaks(OrchestrationError):
    """A topic's new schema lets messages come that its subscribers were not written for."""

    code = "schema_breaks"


class NothingToPark(OrchestrationError):
    """No turn of an actor waits for a person."""

    code = "nothing_to_park"


class DeliveryNotDead(OrchestrationError):
    """Only dead letters are sent again."""

    code = "delivery_not_dead"


class TurnNotLatest(OrchestrationError):
    """A turn of an actor is not done anew while another one lives, or once later ones were begun."""

    code = "turn_not_latest"


class SignalInvalid(OrchestrationError):
    """A signal's name, key or value is none, or does not fit what whoever waits for it accepts."""

    code = "signal_invalid"


class MemoryInvalid(OrchestrationError):
    """Something can't be remembered, looked up or forgotten so; names the field."""

    code = "memory_invalid"


class MemoryNotFound(OrchestrationError):
    """Nothing is remembered there, or not for whoever asks."""

    code = "memory_not_found"


class MemoryConflict(OrchestrationError):
    """A key was to be at another version than it is; nothing was written."""

    code = "memory_conflict"


class SignalConflict(OrchestrationError):
    """Another signal of this name came to the run under this key."""

    code = "signal_conflict"


class CallbackInvalid(OrchestrationError):
    """An address for a signal was changed, or its time is over."""

    code = "callback_invalid"


class BundleRefused(OrchestrationError):
    """A run can't be put into a bundle: it goes on, or its proof does not hold."""

    code = "bundle_refused"


class ForkRefused(OrchestrationError):
    """The run can't be forked there: nothing would be done anew, or the key belongs to another fork."""

    code = "fork_refused"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a workflow spec: where it stands and what is wrong with it."""

    step: str | None
    field: str
    message: str

    def __str__(self) -> str:
        """Return one line that names the step and the field."""
        place = f"step '{self.step}', {self.field}" if self.step else self.field
        return f"{place}: {self.message}"


class SpecInvalid(OrchestrationError):
    """A workflow spec has faults; `problems` lists them, of very many the first."""

    code = "spec_invalid"

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems and say them one a line."""
        shown = problems[:MOST_FAULTS]
        if more := len(problems) - len(shown):
            shown.append(Problem(None, "workflow", f"{more} more faults; mend these first"))
        super().__init__("\n".join(map(str, shown)))
        self.problems = shown


class ProjectNotFound(OrchestrationError):
    """No project of this name, or none that the caller is a member of."""

    code = "project_not_found"


class TokenNotFound(OrchestrationError):
    """The caller owns no API token with this id."""

    code = "token_not_found"


class TokenRefused(OrchestrationError):
    """The API token asked for would be good for more than its maker is."""

    code = "token_refused"


class RightMissing(OrchestrationError):
    """The caller is a member of the project, but none of their roles allows this."""

    code = "right_missing"


class ScopeMissing(OrchestrationError):
    """The caller's API token is not for this."""

    code = "scope_missing"
