"""Scripts in a model's place: what is no list of answers is refused where it is written."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from agents.domain.scripts import scripted
from orchestration.testing import drive, run_workflow


@pytest.mark.parametrize("answer", ["Hello", {"kind": "late"}, b"Hello"])
def test_one_answer_is_no_list_of_answers(answer: Any) -> None:
    with pytest.raises(TypeError, match=r"^scripted: give a list of answers, such as scripted\(\["):
        scripted(answer)


def test_what_can_t_answer_as_a_model_is_refused_before_anything_runs() -> None:
    wrong: dict[str, Any] = {"fast": ["Hello"]}
    runs: list[Callable[[], object]] = [
        lambda: run_workflow("any", models=wrong),
        lambda: drive(UUID(int=1), models=wrong),
    ]
    for run in runs:
        with pytest.raises(TypeError, match=r"^models: 'fast' is \['Hello'\]; give scripted\(\[...\]\)"):
            run()
