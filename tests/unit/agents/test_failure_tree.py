"""What a group of exceptions and a documented cause say of a failure that says nothing by itself."""

import time

import pytest

from agents.domain.classification import classify, describe_failure
from agents.domain.invocation import FailureKind
from agents.errors import PermanentError, TransientError, UnreadableOutput


class TooManyRequests(Exception):
    status_code = 429

    def __init__(self, wait: float) -> None:
        super().__init__("slow down")
        self.retry_after_seconds = wait


class FetchFailed(Exception):
    """A wrapper as clients of providers have it: it says nothing by itself."""


def group(*parts: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("unhandled errors in a TaskGroup", list(parts))


def because(cause: BaseException, error: Exception | None = None) -> Exception:
    wrapper = error or FetchFailed("could not fetch")
    wrapper.__cause__ = cause
    return wrapper


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (group(ConnectionResetError()), FailureKind.TRANSIENT),
        (group(TransientError(), ConnectionError()), FailureKind.TRANSIENT),
        (group(TimeoutError(), TimeoutError()), FailureKind.TIMEOUT),
        (group(TimeoutError(), ConnectionError()), FailureKind.TRANSIENT),
        (group(ConnectionError(), TooManyRequests(1), TimeoutError()), FailureKind.RATE_LIMIT),
        (group(group(group(ConnectionError()))), FailureKind.TRANSIENT),
        (group(ConnectionError(), PermanentError()), FailureKind.PERMANENT),
        (group(ConnectionError(), ValueError()), FailureKind.BAD_INPUT),
        (group(ConnectionError(), UnreadableOutput("", "x")), FailureKind.UNREADABLE),
        (group(ConnectionError(), KeyError()), FailureKind.UNKNOWN),
        (group(ConnectionError(), because(ConnectionError())), FailureKind.TRANSIENT),
        (because(ConnectionError()), FailureKind.TRANSIENT),
        (because(because(TimeoutError())), FailureKind.TIMEOUT),
        (because(TooManyRequests(1)), FailureKind.RATE_LIMIT),
        (because(group(ConnectionError())), FailureKind.TRANSIENT),
        (because(PermanentError()), FailureKind.PERMANENT),
        (because(KeyError()), FailureKind.UNKNOWN),
        (because(ValueError()), FailureKind.UNKNOWN),
        (
            because(ConnectionError(), ValueError("what the agent says of itself counts")),
            FailureKind.BAD_INPUT,
        ),
        (because(ConnectionError(), PermanentError()), FailureKind.PERMANENT),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_all_that_may_pass_passes_and_one_that_can_not_decides(error: Exception, kind: FailureKind) -> None:
    assert classify(error) is kind


def test_a_mere_context_says_nothing() -> None:
    error = FetchFailed("something else")
    error.__context__ = ConnectionError("it was dealt with")
    assert classify(error) is FailureKind.UNKNOWN


def test_the_longest_wait_that_anything_in_it_asks_for_counts() -> None:
    error = group(TooManyRequests(3), because(TooManyRequests(20)), ConnectionError())
    failed = describe_failure(error, "a", 1)
    assert (failed.kind, failed.retry_after_seconds) == (FailureKind.RATE_LIMIT, 20.0)


def test_nobody_waits_for_what_can_not_pass() -> None:
    failed = describe_failure(group(TooManyRequests(3), PermanentError()), "a", 1)
    assert (failed.kind, failed.retry_after_seconds) == (FailureKind.PERMANENT, None)


def test_a_group_tells_its_first_parts() -> None:
    failed = describe_failure(group(ConnectionResetError("peer went away"), KeyError("b")), "a", 1)
    assert failed.message == (
        "unhandled errors in a TaskGroup (2 sub-exceptions): ConnectionResetError: peer went away; KeyError: 'b'"
    )


def test_a_circle_ends() -> None:
    one, other = FetchFailed("one"), FetchFailed("other")
    one.__cause__, other.__cause__ = other, one
    assert classify(one) is FailureKind.UNKNOWN
    within = FetchFailed("within")
    within.__cause__ = group(within)
    assert classify(within) is FailureKind.UNKNOWN


def test_what_is_too_deep_or_too_wide_is_unknown_and_soon_known_to_be() -> None:
    began = time.monotonic()
    deep: Exception = ConnectionError()
    for _ in range(500):
        deep = because(deep)
    assert classify(deep) is FailureKind.UNKNOWN
    assert classify(group(*(ConnectionError() for _ in range(900)))) is FailureKind.TRANSIENT
    assert classify(group(*(ConnectionError() for _ in range(20_000)))) is FailureKind.UNKNOWN
    bush: Exception = ConnectionError()
    for _ in range(10):
        bush = group(*[bush] * 50)
    assert classify(bush) is FailureKind.UNKNOWN
    assert time.monotonic() - began < 2
