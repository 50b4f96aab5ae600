"""The edges are one list: the diagram in the docs is drawn from it, and it hangs together."""

from pathlib import Path

import pytest

from orchestration.domain.states import (
    DONE,
    FINAL,
    LIVE_RUN,
    OPEN,
    RUN_BEGINS,
    RUN_EDGES,
    STEP_BEGINS,
    STEP_EDGES,
    RunStatus,
    StepStatus,
)
from tests.unit.orchestration.diagram import draw_edges, draw_stages, draw_waits, read_diagrams

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "states.md"


def test_the_page_shows_the_edges_of_today() -> None:
    expected = [draw_edges(STEP_EDGES, STEP_BEGINS), draw_edges(RUN_EDGES, RUN_BEGINS)]
    assert read_diagrams(_PAGE.read_text(encoding="utf-8")) == expected, (
        "states.md is out of date: put in what `python -m tests.unit.orchestration.diagram` prints"
    )


def test_the_page_shows_the_waits_of_today() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    for table in (draw_waits(), draw_stages()):
        assert f"\n\n{table}\n\n" in page, (
            "states.md is out of date: put in what `python -m tests.unit.orchestration.diagram` prints"
        )


def test_a_stale_page_is_noticed() -> None:
    fewer = dict(list(STEP_EDGES.items())[1:])
    assert draw_edges(fewer, STEP_BEGINS) != draw_edges(STEP_EDGES, STEP_BEGINS)


def test_nothing_leaves_a_final_state() -> None:
    """But for what is done anew: in a new round, for a later step that sent its work back, or by a person's word."""
    again = {name for (source, _), name in STEP_EDGES.items() if source in FINAL}
    assert again == {"rework or new round", "new round", "new round or go on"}
    ended = set(RunStatus) - LIVE_RUN
    assert {name for (source, _), name in RUN_EDGES.items() if source in ended} == {"retry in a new round"}


@pytest.mark.parametrize("status", StepStatus)
def test_every_state_can_be_reached(status: StepStatus) -> None:
    reached = set(STEP_BEGINS)
    while more := {target for source, target in STEP_EDGES if source in reached} - reached:
        reached |= more
    assert status in reached


@pytest.mark.parametrize("status", sorted(OPEN))
def test_every_open_state_can_end_in_an_abort(status: StepStatus) -> None:
    assert (status, StepStatus.CANCELLED) in STEP_EDGES


def test_done_is_final_and_open_is_the_rest() -> None:
    assert DONE < FINAL
    assert set(StepStatus) == OPEN | FINAL
    assert not OPEN & FINAL
