"""Agents: named callables with a contract. This is what an app's `agents.py` imports.

In reading order: `domain/invocation.py` (Task, Result, Outcome), `domain/contract.py`, `registry/` (`@agent`,
`@model_agent`, discovery, fakes), `runtimes/`, `invoke.py` (how the engine calls
one), `selectors.py` (what others may ask).
"""

from agents.domain.invocation import Result, Task
from agents.domain.model_calls import Call
from agents.domain.notebook import Hit
from agents.domain.outbox import Message
from agents.errors import AskCycle, AskFailed, PermanentError, SignalTimedOut, TransientError
from agents.registry import agent, model_agent

__all__ = [
    "AskCycle",
    "AskFailed",
    "Call",
    "Hit",
    "Message",
    "PermanentError",
    "Result",
    "SignalTimedOut",
    "Task",
    "TransientError",
    "agent",
    "model_agent",
]
