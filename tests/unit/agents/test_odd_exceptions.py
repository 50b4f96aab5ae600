"""Exceptions that misbehave while they are described: the failure is recorded all the same, with what can be known."""

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from agents.domain.classification import describe_failure, describe_fault
from agents.domain.interruption import is_order_to_end
from agents.domain.invocation import Failed, FailureKind


class Evil(Exception):
    """Raises whatever is asked of it."""


def raises(error: type[BaseException]) -> Any:
    def act(*_args: object, **_more: object) -> Any:
        raise error("even this fails")

    return act


def says(value: Any) -> Any:
    return lambda _self: value


def endless(self: object) -> str:
    return str(self)


class Text(str):
    """A text whose own methods can't be trusted."""

    __slots__ = ()
    __getitem__ = __format__ = __len__ = raises(Evil)


class Lazy(type):
    """A metaclass whose classes fail at saying where they are from."""

    @property
    def __module__(cls) -> str:  # type: ignore[override]
        raise Evil("no module")


class Foundling(Exception, metaclass=Lazy):
    pass


def make(**body: Any) -> BaseException:
    made: BaseException = type("Odd", (Exception,), body)("its words")
    return made


ODD: dict[str, Callable[[], BaseException]] = {
    "str raises": lambda: make(__str__=raises(Evil)),
    "str raises an exit": lambda: make(__str__=raises(SystemExit)),
    "str raises an interrupt": lambda: make(__str__=raises(KeyboardInterrupt)),
    "str is endless": lambda: make(__str__=endless, __repr__=endless),
    "str is no text": lambda: make(__str__=says(7)),
    "str is a text of its own": lambda: make(__str__=says(Text("said"))),
    "str is large": lambda: make(__str__=says("x" * 50_000_000)),
    "str can't be stored": lambda: make(__str__=says("\x00\ud800")),
    "class": lambda: make(__class__=property(raises(Evil))),
    "module is a property": lambda: make(__module__=property(raises(Evil))),
    "module is a number": lambda: make(__module__=7),
    "module is huge": lambda: make(__module__="m" * 5_000),
    "module can't be found": lambda: Foundling("its words"),
    "cause": lambda: make(__cause__=property(raises(SystemExit))),
    "context": lambda: make(__context__=property(raises(Evil))),
    "traceback": lambda: make(__traceback__=property(raises(Evil))),
    "traceback is a text": lambda: make(__traceback__="no frames"),
    "args": lambda: make(args=property(raises(Evil))),
    "notes": lambda: make(__notes__=property(raises(Evil))),
    "status": lambda: make(status_code=property(raises(GeneratorExit))),
    "status pretends": lambda: make(status_code=make(__class__=property(raises(Evil)))),
    "response": lambda: make(response=property(raises(SystemExit))),
    "headers": lambda: make(headers=type("H", (), {"get": raises(SystemExit)})()),
    "retry after": lambda: make(retry_after_seconds=make(__class__=property(raises(Evil)))),
}


@pytest.mark.parametrize("case", ODD)
def test_it_is_described_all_the_same(case: str) -> None:
    error = ODD[case]()
    seen: list[Failed] = []

    def describe() -> None:
        try:
            raise error  # noqa: TRY301 - it needs a traceback
        except BaseException as caught:  # noqa: BLE001 - also those that are none of Exception
            seen.extend((describe_failure(caught, "a", 1), describe_fault(caught, "a", "preparing it")))

    # On a thread of its own: in the main one an interrupt is the process's.
    thread = threading.Thread(target=describe)
    thread.start()
    thread.join()
    assert [failed.kind for failed in seen] == [FailureKind.UNKNOWN, FailureKind.ENGINE_FAULT]
    for failed in seen:
        assert 0 < len(failed.error_class) <= 1_000
        assert 0 < len(failed.message) <= 2_000
        assert type(failed.message) is type(failed.error_class) is str
        (failed.message + failed.error_class + failed.traceback_tail).encode()
        assert "\x00" not in failed.message
        assert "describe" in failed.traceback_tail


def test_an_engine_fault_says_during_what() -> None:
    failed = describe_fault(KeyError("x"), "a", "preparing it")
    assert (failed.error_class, failed.message) == ("KeyError", "preparing it: 'x'")


def test_a_pools_time_limit_is_told_in_words() -> None:
    error = type("SoftTimeLimitExceeded", (Exception,), {})(30)
    failed = describe_failure(error, "a", 1, timeout_seconds=30)
    assert failed.kind is FailureKind.TIMEOUT
    assert (failed.error_class, failed.message) == (
        "TimeoutError",
        "it ran longer than its 30 seconds, and was stopped",
    )


def test_an_interrupt_that_nobody_can_have_sent_is_the_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    handler: list[Any] = [signal.default_int_handler]
    monkeypatch.setattr("agents.domain.interruption.signal.getsignal", lambda _number: handler[0])
    assert is_order_to_end(KeyboardInterrupt())
    handler[0] = None
    assert not is_order_to_end(KeyboardInterrupt())
