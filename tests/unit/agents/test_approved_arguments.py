"""Whether a tool would be called with the arguments that a person approved."""

from typing import Any

import pytest

from agents.errors import CallDiverged
from agents.runtimes.model.approvals import ARGUMENTS, Arguments, refuse_other_arguments


def _is_let_go(approved: Any, called: Any) -> bool:
    token = ARGUMENTS.set(Arguments(approved={("desk", "1"): approved}))
    try:
        refuse_other_arguments("desk", "t.1#1", "refund", "1", called)
    except CallDiverged:
        return False
    finally:
        ARGUMENTS.reset(token)
    return True


@pytest.mark.parametrize(
    ("approved", "called"),
    [
        ({"euro": 249}, {"euro": 249.0}),
        ({"euro": "18.50"}, {"euro": 18.5}),
        ({"rows": [{"euro": 1}]}, {"rows": [{"euro": 1.0}]}),
        ({"at": "2026-11-30T10:00:00+00:00"}, {"at": "2026-11-30T10:00:00Z"}),
        ({"is_new": True, "note": None}, {"is_new": True, "note": None}),
    ],
)
def test_another_way_of_writing_is_no_other_argument(approved: Any, called: Any) -> None:
    assert _is_let_go(approved, called)


@pytest.mark.parametrize(
    ("approved", "called"),
    [
        ({"order": "007"}, {"order": "7"}),
        ({"order": "20261130"}, {"order": "2026-11-30"}),
        ({"euro": 249}, {"euro": 249.01}),
        ({"euro": 1}, {"euro": True}),
        ({"euro": "NaN"}, {"euro": float("nan")}),
        ({"euro": 0}, {"euro": None}),
        ({"euro": ""}, {"euro": 0}),
        ({"euro": 1}, {"euro": 1, "to": "somebody"}),
        ({"rows": [1, 2]}, {"rows": [1]}),
        ({"rows": [1]}, {"rows": {"0": 1}}),
        ({"at": "2026-11-30T10:00:00Z"}, {"at": "2026-11-30T10:00:00+01:00"}),
        ({"at": "2026-11-30T10:00:00"}, {"at": "2026-11-30T10:00:00Z"}),
    ],
)
def test_another_argument_is_called_by_nobody(approved: Any, called: Any) -> None:
    assert not _is_let_go(approved, called)
