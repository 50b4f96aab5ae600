"""What can go wrong with an agent, each error named by the fact. Read next: `domain/classification.py`."""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """Root of every error of this app. `code`: stable machine-readable word."""

    code: ClassVar[str] = "agent_error"


class TransientError(AgentError):
    """Raised by an agent: it failed now and may well succeed later.

    Args: message: what happened.  retry_after_seconds: when the far side said how long to wait.
    """

    code = "agent_transient"

    def __init__(self, message: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(AgentError):
    """Raised by an agent: trying again cannot help."""

    code = "agent_permanent"


class LeftTransactionOpen(PermanentError):
    """An agent ended inside a transaction that it had begun: what it wrote there is rolled back."""

    code = "agent_left_transaction_open"


class LoopHeld(AgentError):
    """A coroutine ran out of time because another agent's kept the event loop from turning.

    Args: agent: who could not go on.  holder: who held the loop, if known.  where: what it was at.  seconds: how long.
    """

    code = "agent_loop_held"

    def __init__(self, agent: str, holder: str, where: str, seconds: float) -> None:
        super().__init__(agent, holder, where, seconds)
        self.holder = holder
        who = f"'{holder}'" if holder else "something that no agent's task did"
        held = f"the event loop was held for {seconds:.0f} s by {who}, at {where}"
        self._words = f"{held}: '{agent}' could not go on, and is not at fault"

    def __str__(self) -> str:
        return self._words


class UnknownAgent(AgentError):
    """No agent of this name is registered in this process."""

    code = "agent_unknown"


class AgentRefused(AgentError):
    """An agent's declaration is wrong; the message names the argument and what to write instead."""

    code = "agent_refused"


class DuplicateAgent(AgentRefused):
    """Two functions claim one name."""

    code = "agent_duplicate"


class EgressRefused(AgentError):
    """A server is at an address that may not be spoken to."""

    code = "egress_refused"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}: correct the address, or list its network in RINGMASTER['EGRESS_NETWORKS'] if it is one of yours."
        )


class SendingTimedOut(AgentError):
    """The other side had not taken all, or not answered, when the time was over."""

    code = "sending_timed_out"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the other side was not done after {seconds:g} s")


class CallRefused(PermanentError):
    """A call could not be made; nothing was done. The message says what to write instead."""

    code = "agent_call_refused"


class MemoryRefused(PermanentError):
    """Something can't be remembered or looked up; nothing was done. The message names the field, and what to give."""

    code = "agent_memory_refused"


class CallDiverged(PermanentError):
    """Another call was done where an agent makes one now: its code or its data changed. A person decides.

    Args: path: of the call.  why: what does not fit.
    """

    code = "agent_call_diverged"

    def __init__(self, path: str, why: str = "it was done with other arguments") -> None:
        # Both go to `args` so that the error survives pickling between processes.
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"the call {self.path} can't be answered from the journal: {self.why}"


class MessageRefused(PermanentError):
    """A message can't be sent: no address, no topic, too large. Nothing was sent; names the field."""

    code = "message_refused"


class AskFailed(PermanentError):
    """Whom an agent asked gave no answer: its turn failed, or was stopped. Trying again would find the same."""

    code = "ask_failed"


class AskCycle(PermanentError):
    """Whom an agent asks waits, directly or not, for this very agent: neither could ever answer."""

    code = "ask_cycle"


class SignalTimedOut(PermanentError, TimeoutError):
    """Nobody answered a wait in time. Not caught, it goes to a person: trying again would find the same.

    Args: path: of the wait.
    """

    code = "agent_signal_timed_out"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"nobody answered {self.path} in time; catch SignalTimedOut to go on without an answer"


class Suspended(BaseException):
    """The attempt ends here: something it waits for is not there yet. Let it pass; `finally` blocks may clean up.

    No Exception, so that no agent takes it for a failure by chance.

    Args: path: of the wait; of the call that could not begin, where the run is paused.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"suspended at {self.path}: the agent runs again once that is answered"


class CallLimit(AgentError):
    """An agent made more calls, or reads more answers, than one step may."""

    code = "agent_call_limit"


class ModelKeptAway(AgentError):
    """A model failed too often, and is not asked now. The attempt ends; its step waits for the model's breaker."""

    code = "model_kept_away"


class ModelUnknown(PermanentError):
    """`RINGMASTER["MODELS"]` names no such model.

    Args:
        name: that was asked for.
        near: names there are that look like it.
    """

    code = "model_unknown"

    def __init__(self, name: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(name, near)
        self.name = name
        self.near = near

    def __str__(self) -> str:
        hint = (
            f"did you mean {' or '.join(self.near)}?"
            if self.near
            else "`manage.py check_models` lists those there are"
        )
        return f"RINGMASTER['MODELS'] has no model {self.name!r:.80}; {hint}"


class ModelUnpriced(PermanentError):
    """A budget of money limits the step, and nobody knows what a call of this model costs: it was not made.

    Args: name: of the model.
    """

    code = "model_unpriced"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"the model {self.name!r:.80} has no price, and a budget of US dollars limits this step, so it was not "
            f"asked: give RINGMASTER['MODELS'][{self.name!r:.80}] a `price` (input_usd_per_million and "
            'output_usd_per_million; "0" for a server of your own), then send the step back'
        )


class ModelKeyMissing(PermanentError):
    """A model can't be asked: this process does not have the key.

    Args:
        name: of the model.
        variable: of the environment, that should hold the key.
    """

    code = "model_key_missing"

    def __init__(self, name: str, variable: str) -> None:
        super().__init__(name, variable)
        self.name = name
        self.variable = variable

    def __str__(self) -> str:
        return (
            f"the model '{self.name}' needs a key: set the environment variable {self.variable} for the workers, and "
            "start them again"
        )


class AnswerUnreadable(AgentError):
    """What a model's server answered is no answer that can be read."""

    code = "model_answer_unreadable"


class AnswerTooLarge(AnswerUnreadable):
    """A model's server answers more than is read. Args: most_bytes: that are."""

    code = "model_answer_too_large"

    def __init__(self, most_bytes: int) -> None:
        super().__init__(most_bytes)
        self.most_bytes = most_bytes

    def __str__(self) -> str:
        return (
            f"the model's server answered more than {self.most_bytes:,} bytes, and was not read on: look what its "
            "base_url in RINGMASTER['MODELS'] leads to, or ask for less"
        )


class ServerMoved(PermanentError):
    """A model's server sends elsewhere, to `target` if it says so. Nobody follows: the key is for it alone."""

    code = "model_server_moved"

    def __init__(self, status: int, target: str) -> None:
        super().__init__(status, target)
        self.status_code, self.target = status, target

    def __str__(self) -> str:
        where = f"to {self.target}" if self.target else "elsewhere"
        return (
            f"the model's server answered {self.status_code} and sends {where}, which is not followed, lest the key go "
            "there: write the address itself as base_url in RINGMASTER['MODELS']"
        )


class ScriptRefused(AgentError):
    """A script can't be followed; the message names the reply and the field, and says what to write."""

    code = "model_script_refused"


class PoolRefused(AgentError):
    """A pool's size or name is wrong; the message says what to give instead."""

    code = "pool_refused"


class _AtPath(AgentError):
    """`path`: JSON pointer to the value at fault; empty for the whole.  `reason`: what is wrong with it."""

    subject: ClassVar[str]

    def __init__(self, path: str, reason: str) -> None:
        # Both go to `args` so that the error survives pickling between processes.
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.subject} at {self.path or 'the top level'}: {self.reason}"


class UnreadableOutput(_AtPath):
    """A value can't be kept as JSON, or breaks the agent's output schema."""

    code = "agent_output_unreadable"
    subject = "unreadable output"


class InputRefused(_AtPath):
    """A task's input breaks the agent's input schema."""

    code = "agent_input_refused"
    subject = "bad input"


class UnreadableJson(AgentError):
    """A text from outside is no JSON that can be kept; the message says where and why.

    Args: message: the place and the reason.  path: JSON pointer to the fault, where the text could be read so far.
    """

    code = "json_unreadable"

    def __init__(self, message: str, path: str = "") -> None:
        # Both go to `args` so that the error survives pickling between processes.
        super().__init__(message, path)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return self.message
