import pytest

from orchestration.domain.plan import LimitExceeded, Limits, check_growth

LIMITS = Limits(fan_out=3, run_steps=10, step_depth=2, run_depth=1)


@pytest.mark.parametrize(
    ("children", "run_steps", "depth", "setting"),
    [
        (3, 7, 2, ""),
        (4, 0, 1, "MAX_FAN_OUT"),
        (3, 8, 1, "MAX_RUN_STEPS"),
        (1, 1, 3, "MAX_STEP_DEPTH"),
    ],
)
def test_a_growth_is_refused_beyond_a_limit_and_only_there(
    children: int, run_steps: int, depth: int, setting: str
) -> None:
    if not setting:
        check_growth(children, run_steps, depth, LIMITS)
        return
    with pytest.raises(LimitExceeded, match=setting):
        check_growth(children, run_steps, depth, LIMITS)
