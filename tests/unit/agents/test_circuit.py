"""The breaker as a value: each edge by an example, and what holds whatever happens by Hypothesis."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.circuit import (
    CLOSED,
    COUNTED,
    BreakerState,
    Circuit,
    Limits,
    ProbeEnd,
    begin_probe,
    end_probe,
    reset,
    trip,
)
from agents.domain.invocation import FailureKind

NOW = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
LIMITS = Limits(failures=5, window_seconds=60, pause_seconds=30, max_pause_seconds=100)
MINE, OTHER = UUID(int=1), UUID(int=2)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def opened(pause_seconds: float = 30) -> Circuit:
    return Circuit(BreakerState.OPEN, until=at(pause_seconds), pause_seconds=pause_seconds)


def probing(token: UUID | None = MINE, pause_seconds: float = 30) -> Circuit:
    return Circuit(BreakerState.HALF_OPEN, pause_seconds=pause_seconds, probe=token)


def test_what_counts_says_something_about_the_agent() -> None:
    assert {kind for kind in FailureKind if kind in COUNTED} == {
        "transient",
        "rate_limit",
        "timeout",
        "crash",
    }


@pytest.mark.parametrize(("failures", "is_open"), [(0, False), (5, False), (6, True), (60, True)])
def test_it_opens_at_more_than_the_limit(failures: int, is_open: bool) -> None:
    assert trip(CLOSED, failures, LIMITS, NOW) == (opened() if is_open else CLOSED)


@pytest.mark.parametrize(
    ("failures", "calls", "is_open"),
    [(6, 0, True), (6, 60, True), (6, 61, False), (7, 70, True), (7, 71, False), (6, 6_000, False)],
)
def test_failures_are_weighed_against_calls(failures: int, calls: int, is_open: bool) -> None:
    """Six time-outs of six thousand calls say nothing; what is not known of calls weighs nothing."""
    assert trip(CLOSED, failures, LIMITS, NOW, calls=calls) == (opened() if is_open else CLOSED)


def test_an_agent_that_is_down_is_cut_off_whatever_it_did_before() -> None:
    assert trip(CLOSED, 6, LIMITS, NOW, calls=6_000, in_a_row=6) == opened()
    assert trip(CLOSED, 6, LIMITS, NOW, calls=6_000, in_a_row=5) == CLOSED
    assert trip(CLOSED, 5, LIMITS, NOW, calls=6_000, in_a_row=6) == CLOSED


def test_an_agent_s_own_share_holds() -> None:
    limits = Limits(failure_share=0.5)
    assert trip(CLOSED, 40, limits, NOW, calls=200) == CLOSED
    assert trip(CLOSED, 40, limits, NOW, calls=80) == opened()


@given(st.integers(0, 10**6), st.integers(0, 50))
def test_it_never_bears_fewer_failures_than_its_limit(calls: int, in_a_row: int) -> None:
    assert LIMITS.tolerate(calls, in_a_row) >= LIMITS.failures
    assert LIMITS.tolerate(min(calls, 60), in_a_row) == LIMITS.failures


@pytest.mark.parametrize("circuit", [opened(), probing(), probing(None)])
def test_one_that_is_not_closed_is_not_opened_again_by_counting(circuit: Circuit) -> None:
    assert trip(circuit, 1000, LIMITS, at(5)) is circuit


def test_a_first_pause_is_never_longer_than_the_longest() -> None:
    limits = Limits(pause_seconds=50, max_pause_seconds=10)
    assert trip(CLOSED, 6, limits, NOW) == opened(10)


def test_nothing_passes_before_the_pause_is_over() -> None:
    assert begin_probe(opened(), MINE, at(29.999)) == opened()


def test_one_probe_passes_when_the_pause_is_over() -> None:
    assert begin_probe(opened(), MINE, at(30)) == probing(MINE)


def test_a_second_probe_waits_for_the_first() -> None:
    assert begin_probe(probing(OTHER), MINE, at(3000)) == probing(OTHER)


def test_a_freed_slot_is_for_the_next() -> None:
    assert begin_probe(probing(None), MINE, NOW) == probing(MINE)


def test_a_closed_one_needs_no_probe() -> None:
    assert begin_probe(CLOSED, MINE, NOW) is CLOSED


def test_an_answered_probe_closes() -> None:
    assert end_probe(probing(), MINE, ProbeEnd.ANSWERED, LIMITS, NOW) == CLOSED


def test_a_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    pauses = []
    circuit = opened()
    for _ in range(4):
        assert circuit.until is not None
        circuit = begin_probe(circuit, MINE, circuit.until)
        circuit = end_probe(circuit, MINE, ProbeEnd.FAILED, LIMITS, NOW)
        pauses.append((circuit.pause_seconds, circuit.until))
    assert pauses == [(60, at(60)), (100, at(100)), (100, at(100)), (100, at(100))]


def test_an_unclear_probe_makes_way() -> None:
    assert end_probe(probing(), MINE, ProbeEnd.UNCLEAR, LIMITS, NOW) == probing(None)


@pytest.mark.parametrize("end", list(ProbeEnd))
@pytest.mark.parametrize("circuit", [CLOSED, opened(), probing(OTHER), probing(None)])
def test_only_the_probe_itself_shows_anything(circuit: Circuit, end: ProbeEnd) -> None:
    assert end_probe(circuit, MINE, end, LIMITS, NOW) is circuit


@pytest.mark.parametrize("circuit", [opened(), probing(), probing(None)])
def test_a_reset_closes(circuit: Circuit) -> None:
    assert reset(circuit) == CLOSED


def test_a_reset_of_a_closed_one_is_nothing() -> None:
    assert reset(CLOSED) is CLOSED


@pytest.mark.parametrize("value", [0, -1, float("nan"), True, "5", None])
@pytest.mark.parametrize("name", ["failures", "window_seconds", "pause_seconds", "max_pause_seconds"])
def test_a_limit_that_is_no_number_above_0_is_refused_by_name(name: str, value: object) -> None:
    Limits().check()
    with pytest.raises(ValueError, match=name):
        Limits(**{name: value}).check()  # type: ignore[arg-type]


@dataclass(frozen=True)
class Signal:
    """Something that happens to a breaker, some time after what happened before."""

    what: str
    after_seconds: float
    token: UUID
    failures: int
    end: ProbeEnd


signals = st.lists(
    st.builds(
        Signal,
        what=st.sampled_from(["trip", "probe", "end", "reset"]),
        after_seconds=st.floats(0, 200),
        token=st.sampled_from([MINE, OTHER, UUID(int=3)]),
        failures=st.integers(0, 20),
        end=st.sampled_from(list(ProbeEnd)),
    ),
    max_size=40,
)


def follow(circuit: Circuit, signal: Signal, now: datetime) -> Circuit:
    match signal.what:
        case "trip":
            return trip(circuit, signal.failures, LIMITS, now)
        case "probe":
            return begin_probe(circuit, signal.token, now)
        case "end":
            return end_probe(circuit, signal.token, signal.end, LIMITS, now)
        case _:
            return reset(circuit)


@given(signals)
def test_whatever_happens_it_stands_somewhere_sensible(history: list[Signal]) -> None:
    circuit, now = CLOSED, NOW
    for signal in history:
        now += timedelta(seconds=signal.after_seconds)
        before, circuit = circuit, follow(circuit, signal, now)
        assert (circuit.state == "open") is (circuit.until is not None)
        assert (circuit.pause_seconds > 0) is (circuit.state != "closed")
        assert circuit.pause_seconds <= LIMITS.max_pause_seconds
        assert circuit.probe is None or circuit.state == "half_open"
        # One probe at a time: a token never takes the place of another.
        assert None in (before.probe, circuit.probe) or before.probe == circuit.probe
        # And none in the pause.
        if circuit.probe is not None and before.state == "open":
            assert before.until is not None
            assert before.until <= now


_EDGES = {
    ("closed", "open"): {"trip"},
    ("open", "half_open"): {"probe"},
    ("half_open", "closed"): {"end", "reset"},
    ("half_open", "open"): {"end"},
    ("open", "closed"): {"reset"},
}


@given(signals)
def test_it_moves_along_its_edges_only(history: list[Signal]) -> None:
    circuit, now = CLOSED, NOW
    for signal in history:
        now += timedelta(seconds=signal.after_seconds)
        before, circuit = circuit, follow(circuit, signal, now)
        if before.state != circuit.state:
            assert signal.what in _EDGES[before.state, circuit.state]
