import pytest

from orchestration.domain.verdicts import tally


@pytest.mark.parametrize(
    ("passed", "by_all", "by_majority"),
    [
        ([], False, False),
        ([True], True, True),
        ([False], False, False),
        ([True, False], False, False),
        ([True, True, False], False, True),
        ([True, True, False, False], False, False),
        ([True, True, True], True, True),
    ],
)
def test_a_gate_opens_for_all_or_for_more_than_half_and_never_for_nobody(
    passed: list[bool], by_all: bool, by_majority: bool
) -> None:
    assert (tally(passed, "all"), tally(passed, "majority")) == (by_all, by_majority)
