"""How much of a sweep one duty takes, and in which order it goes through its rows."""

from types import SimpleNamespace

import pytest

from orchestration.maintenance import each
from orchestration.maintenance.each import for_a_while, in_any_order


def test_a_duty_ends_when_its_time_is_up_but_does_something(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter((0.0, 0.2, 0.4, 0.6, 0.8))
    monkeypatch.setattr(each, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    assert list(for_a_while(range(9), 0.5)) == [0, 1, 2]

    monkeypatch.setattr(each, "time", SimpleNamespace(monotonic=iter((0.0, 9.0, 0.0)).__next__))
    assert list(for_a_while(range(9), 0.5)) == [0]
    assert list(for_a_while([])) == []


def test_no_row_stands_before_the_others_for_ever() -> None:
    orders = [in_any_order(range(50)) for _ in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({order[0] for order in [in_any_order(range(50)) for _ in range(40)]}) > 1
