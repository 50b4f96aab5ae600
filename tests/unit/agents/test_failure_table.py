"""From exceptions of libraries, HTTP answers and the installation's own register to kinds of failure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from agents import Task
from agents.checks import check_settings
from agents.domain.classification import classify, describe_failure
from agents.domain.failure_table import ADVICE, BEYOND_STATUS, LIBRARIES, REGISTRABLE, STATUSES
from agents.domain.invocation import Failed, FailureKind
from agents.errors import PermanentError, TransientError
from agents.invoke import invoke, override

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@dataclass
class Response:
    """What HTTP clients hang on their exceptions."""

    status_code: Any = 500
    headers: Any = field(default_factory=dict)


class HTTPError(Exception):
    """An exception with an answer, as those of requests and httpx are."""

    def __init__(self, response: object) -> None:
        super().__init__("the far side refused")
        self.response = response


class Busy(Exception):
    """An exception of the installation's own."""


class VeryBusy(Busy):
    """One below it."""


def _named(path: str) -> Exception:
    """Return an exception as a library would define it, deep in its package."""
    package, name = path.split(".")
    made = type(name, (Exception,), {"__module__": f"{package}._deep.inside"})
    assert issubclass(made, Exception)
    return made("x")


@pytest.mark.parametrize(("path", "kind"), {**LIBRARIES, **BEYOND_STATUS}.items())
def test_libraries_are_known_by_package_and_class(path: str, kind: FailureKind) -> None:
    assert classify(_named(path)) is kind
    package, name = path.split(".")
    assert classify(_named(f"not{package}.{name}")) is (
        FailureKind.TIMEOUT if name == "SoftTimeLimitExceeded" else FailureKind.UNKNOWN
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.BAD_INPUT),
        (401, FailureKind.PERMANENT),
        (403, FailureKind.PERMANENT),
        (404, FailureKind.BAD_INPUT),
        (408, FailureKind.TIMEOUT),
        (409, FailureKind.PERMANENT),
        (418, FailureKind.PERMANENT),
        (422, FailureKind.BAD_INPUT),
        (425, FailureKind.TRANSIENT),
        (429, FailureKind.RATE_LIMIT),
        (500, FailureKind.TRANSIENT),
        (501, FailureKind.PERMANENT),
        (503, FailureKind.TRANSIENT),
        (504, FailureKind.TIMEOUT),
        (529, FailureKind.RATE_LIMIT),
        (302, FailureKind.UNKNOWN),
        (99, FailureKind.UNKNOWN),
        (600, FailureKind.UNKNOWN),
        ("503", FailureKind.UNKNOWN),
        (True, FailureKind.UNKNOWN),
    ],
)
def test_statuses(status: Any, kind: FailureKind) -> None:
    on_itself = Exception("x")
    on_itself.status_code = status  # type: ignore[attr-defined]  # as openai's and many others have it
    for error in (HTTPError(Response(status)), on_itself):
        assert classify(error) is kind


def test_an_exit_has_no_status() -> None:
    assert classify(SystemExit(503)) is FailureKind.UNKNOWN


def test_what_an_exception_says_of_itself_comes_first() -> None:
    error = PermanentError("x")
    error.status_code = 503  # type: ignore[attr-defined]
    assert classify(error, {"agents.errors.PermanentError": FailureKind.TRANSIENT}) is FailureKind.PERMANENT


@pytest.mark.parametrize("kind", REGISTRABLE)
def test_the_installation_s_own_come_before_any_table(kind: FailureKind) -> None:
    registered = {f"{__name__}.Busy": kind, f"{__name__}.HTTPError": kind}
    assert classify(Busy(), registered) is kind
    assert classify(VeryBusy(), registered) is kind
    assert classify(HTTPError(Response(429)), registered) is kind
    assert classify(Busy()) is FailureKind.UNKNOWN


def test_the_nearest_ancestor_counts() -> None:
    registered = {f"{__name__}.Busy": FailureKind.PERMANENT, f"{__name__}.VeryBusy": FailureKind.RATE_LIMIT}
    assert classify(VeryBusy(), registered) is FailureKind.RATE_LIMIT
    assert classify(Busy(), registered) is FailureKind.PERMANENT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 7.5 "}, 7.5),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        # The far side's own clock, when it tells it: the wait is what it meant.
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT", "Date": "Sun, 01 Mar 2026 12:00:20 GMT"}, 10.0),
        ({"Retry-After": "Sun, 01 Mar 2026 11:59:00 GMT"}, 0.0),
        ({"Retry-After": "Sun, 01 Mar 2099 12:00:00 GMT"}, 86_400.0),
        ({"Retry-After": "999999999"}, 86_400.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": 7}, None),
        ({"Retry-After": "Sun, 99 Mar 2026 12:00:00 GMT"}, None),
        ({}, None),
        (None, None),
        (7, None),
    ],
)
def test_a_provider_s_wish_is_read(headers: Any, seconds: float | None) -> None:
    described = describe_failure(HTTPError(Response(429, headers)), "x", 1, now=NOW)
    assert described.retry_after_seconds == seconds
    # What can't pass by waiting does not wait.
    assert describe_failure(HTTPError(Response(403, headers)), "x", 1, now=NOW).retry_after_seconds is None


def test_an_agent_s_own_word_comes_before_the_header() -> None:
    error = TransientError("busy", retry_after_seconds=2)
    error.response = Response(429, {"Retry-After": "9"})  # type: ignore[attr-defined]
    assert describe_failure(error, "x", 1, now=NOW).retry_after_seconds == 2.0


def test_exceptions_that_fail_at_being_looked_at() -> None:
    class Trap(Exception):
        @property
        def response(self) -> object:
            raise RuntimeError("not read yet")

        @property
        def headers(self) -> object:
            raise RuntimeError("not read yet")

    assert describe_failure(Trap(), "x", 1, now=NOW).kind is FailureKind.UNKNOWN


def _refuse(_: Task) -> object:
    raise VeryBusy


def _task() -> Task:
    return Task({}, {}, {}, "run", "step", 1, "token", "key")


def test_what_is_registered_in_the_settings_counts_when_an_agent_is_called(settings: Settings) -> None:
    with override({"test.busy": _refuse}):
        before = invoke("test.busy", _task(), timeout_seconds=5)
        settings.RINGMASTER = {**settings.RINGMASTER, "ERROR_KINDS": {f"{__name__}.Busy": "rate_limit"}}
        after = invoke("test.busy", _task(), timeout_seconds=5)
    assert isinstance(before, Failed)
    assert isinstance(after, Failed)
    assert (before.kind, after.kind) == (FailureKind.UNKNOWN, FailureKind.RATE_LIMIT)


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        ({f"{__name__}.Busy": "rate_limit"}, []),
        ({"concurrent.futures.TimeoutError": "transient"}, ["agents.E005"]),
        ({"json.JSONDecodeError": "transient"}, []),
        ({"json.loads": "transient"}, ["agents.E004"]),
        ({"nobody.Has": "transient"}, ["agents.W002"]),
        ({"Busy": "transient"}, ["agents.E001"]),
        ({f"{__name__}.Busy": "crash"}, ["agents.E001"]),
        ({f"{__name__}.Busy": ["transient"]}, ["agents.E001"]),
        (["x"], ["agents.E001"]),
    ],
)
def test_the_register_is_checked(kinds: object, found: list[str], settings: Settings) -> None:
    settings.RINGMASTER = {"ERROR_KINDS": kinds}
    assert [message.id for message in check_settings()] == found


@pytest.mark.parametrize(("path", "kind"), BEYOND_STATUS.items())
def test_some_know_more_than_their_status(path: str, kind: FailureKind) -> None:
    error = _named(path)
    error.status_code = 400  # type: ignore[attr-defined]
    assert classify(error) is kind is not STATUSES[400]


def test_a_wait_that_a_client_read_out_of_a_body_counts_after_the_headers() -> None:
    error = HTTPError(Response(429, {}))
    error.retry_after = 14.5  # type: ignore[attr-defined]
    assert describe_failure(error, "x", 1, now=NOW).retry_after_seconds == 14.5
    error.response = Response(429, {"Retry-After": "7"})
    assert describe_failure(error, "x", 1, now=NOW).retry_after_seconds == 7.0


@pytest.mark.parametrize(("path", "advice"), ADVICE.items())
def test_what_a_person_can_do_is_told_before_the_provider_s_words(path: str, advice: str) -> None:
    assert describe_failure(_named(path), "x", 1).message == f"{advice} (x)"


def test_advice_leaves_a_message_as_short_as_any() -> None:
    error = type("ModelNotFoundError", (Exception,), {"__module__": "pydantic_ai.exceptions"})("y" * 5_000)
    message = describe_failure(error, "x", 1).message
    assert len(message) == 2_000
    assert message.endswith("y)")
