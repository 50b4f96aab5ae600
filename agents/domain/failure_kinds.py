"""The words by which the policy decides on what has no answer."""

from enum import StrEnum


class FailureKind(StrEnum):
    """Why an attempt has no answer; the policy decides by this word."""

    TRANSIENT = "transient"
    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    HELD_UP = "held_up"
    BAD_INPUT = "bad_input"
    PERMANENT = "permanent"
    UNREADABLE = "unreadable"
    DIVERGED = "diverged"
    UNKNOWN_AGENT = "unknown_agent"
    LIMIT = "limit"
    CONFLICT = "conflict"
    CHILD_FAILED = "child_failed"
    CRASH = "crash"
    BREAKER_OPEN = "breaker_open"
    AGENT_SUSPECT = "agent_suspect"
    OUTAGE = "outage"
    ENGINE_FAULT = "engine_fault"
    UNKNOWN = "unknown"
