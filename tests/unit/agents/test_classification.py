import asyncio
import json
import pickle
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from agents.domain.classification import classify, describe_failure, describe_unknown
from agents.domain.invocation import FailureKind
from agents.errors import InputRefused, PermanentError, TransientError, UnreadableOutput


class SoftTimeLimitExceeded(Exception):
    """Stands for the task queue's class, which this app knows by name only."""


class LimitOfOurs(SoftTimeLimitExceeded):
    """A subclass counts too."""


class Number(BaseModel):
    value: int


def validation_error() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        Number.model_validate({"value": "x"})
    return raised.value


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransientError("x"), FailureKind.TRANSIENT),
        (ConnectionError("x"), FailureKind.TRANSIENT),
        (ConnectionResetError("x"), FailureKind.TRANSIENT),
        (BrokenPipeError("x"), FailureKind.TRANSIENT),
        (PermanentError("x"), FailureKind.PERMANENT),
        (TimeoutError("x"), FailureKind.TIMEOUT),
        (SoftTimeLimitExceeded(), FailureKind.TIMEOUT),
        (LimitOfOurs(), FailureKind.TIMEOUT),
        (ValueError("x"), FailureKind.BAD_INPUT),
        (json.JSONDecodeError("x", "", 0), FailureKind.BAD_INPUT),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), FailureKind.BAD_INPUT),
        (validation_error(), FailureKind.BAD_INPUT),
        (InputRefused("/x", "no"), FailureKind.BAD_INPUT),
        (UnreadableOutput("/x", "no"), FailureKind.UNREADABLE),
        (TypeError("x"), FailureKind.UNKNOWN),
        (KeyError("x"), FailureKind.UNKNOWN),
        (OSError("x"), FailureKind.UNKNOWN),
        (MemoryError(), FailureKind.UNKNOWN),
        (RecursionError(), FailureKind.UNKNOWN),
        (SystemExit(1), FailureKind.UNKNOWN),
        (asyncio.CancelledError(), FailureKind.UNKNOWN),
        (ExceptionGroup("x", [KeyError()]), FailureKind.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_table(error: BaseException, kind: FailureKind) -> None:
    assert classify(error) is kind


def test_a_failure_says_who_what_and_where() -> None:
    with pytest.raises(KeyError) as raised:
        raise KeyError("price") from ValueError("the cause")
    failed = describe_failure(raised.value, "shop.inventory", 3)
    assert (failed.agent, failed.agent_version) == ("shop.inventory", 3)
    assert failed.error_class == "KeyError"
    assert failed.message == "'price'"
    assert "the cause" in failed.traceback_tail
    assert __file__ in failed.traceback_tail
    assert failed.traceback_tail.endswith("KeyError: 'price'\n")


def test_texts_can_be_stored_whatever_the_exception_holds() -> None:
    failed = describe_failure(RuntimeError("a\x00b\ud800c"), "x", 1)
    assert failed.message == "a\ufffdb\ufffdc"
    assert "a\ufffdb\ufffdc" in failed.traceback_tail


def test_a_long_message_is_cut_and_does_not_push_out_the_frames() -> None:
    with pytest.raises(RuntimeError) as raised:
        raise RuntimeError("x" * 100_000)
    failed = describe_failure(raised.value, "x", 1)
    assert failed.message == "x" * 2000
    assert len(failed.traceback_tail) <= 4000
    assert __file__ in failed.traceback_tail


def test_a_deep_traceback_keeps_its_end() -> None:
    def dig(depth: int) -> None:
        if depth == 0:
            raise RuntimeError("the bottom")
        dig(depth - 1)

    with pytest.raises(RuntimeError) as raised:
        dig(200)
    failed = describe_failure(raised.value, "x", 1)
    assert len(failed.traceback_tail) <= 4000
    assert failed.traceback_tail.endswith("RuntimeError: the bottom\n")


def test_an_exception_that_fails_at_describing_itself_is_still_described() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    failed = describe_failure(Unspeakable(), "x", 1)
    assert failed.kind is FailureKind.UNKNOWN
    assert failed.message == "Unspeakable (its message could not be read)"


def test_an_exception_without_words_is_named_by_its_class() -> None:
    assert describe_failure(MemoryError(), "x", 1).message == "MemoryError"


@pytest.mark.parametrize(
    ("hint", "kept"),
    [
        (None, None),
        (0, 0.0),
        (2.5, 2.5),
        (10**400, 86_400.0),
        (float("inf"), 86_400.0),
        (-1, None),
        (float("nan"), None),
        ("30", None),
        (True, None),
    ],
)
def test_a_retry_hint_is_kept_if_it_makes_sense(hint: Any, kept: float | None) -> None:
    assert (
        describe_failure(TransientError("busy", retry_after_seconds=hint), "x", 1).retry_after_seconds == kept
    )


def test_an_unknown_agent_is_a_failure_of_its_own_kind() -> None:
    failed = describe_unknown("crm.history")
    assert failed.kind is FailureKind.UNKNOWN_AGENT
    assert failed.error_class == "agents.errors.UnknownAgent"
    assert "crm.history" in failed.message
    assert (failed.agent, failed.agent_version) == ("crm.history", None)


@pytest.mark.parametrize(
    "error", [TransientError("x", 3.0), UnreadableOutput("/a", "b"), InputRefused("/a", "b")]
)
def test_errors_survive_the_way_between_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)
