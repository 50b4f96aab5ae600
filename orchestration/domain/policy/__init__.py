"""What follows from an attempt: one typed decision, made by the first rule that fits.

Pure: time and randomness come in as numbers. What no rule names becomes an escalation. `values.py` says what the policy
sees and what it may decide, `rules.py` names every rule, `choosing.py` is the way through them, `answers.py` and
`failures.py` are the two halves. Read next: `orchestration/executor/conclusion.py`, which stores and performs the
decision.
"""

from orchestration.domain.policy.choosing import decide
from orchestration.domain.policy.failures import MAX_RETRY_WAIT_SECONDS, TRANSIENT
from orchestration.domain.policy.rules import Rule, find_rule, list_rules
from orchestration.domain.policy.values import (
    AwaitsCalls,
    Decision,
    Ending,
    HeldBack,
    OutOfBudget,
    OutOfTime,
    PassedOver,
    Situation,
    SummaryUnderWay,
)

__all__ = [
    "MAX_RETRY_WAIT_SECONDS",
    "TRANSIENT",
    "AwaitsCalls",
    "Decision",
    "Ending",
    "HeldBack",
    "OutOfBudget",
    "OutOfTime",
    "PassedOver",
    "Rule",
    "Situation",
    "SummaryUnderWay",
    "decide",
    "find_rule",
    "list_rules",
]
