"""What the analyst does not believe, whom it sends back, and how sure it is of the rest."""

from typing import Any

import pytest

from examples.research.errors import HandoffUnreadable
from examples.research.findings import read_scope
from examples.research.judging import analyse, choose_rework, find_faults, read_findings
from examples.research.library import open_library
from examples.research.searching import Scope

LIBRARY = open_library()


def _figure(value: float, document: str, measure: str = "energy", **given: Any) -> dict[str, Any]:
    year = LIBRARY.documents[document].published.year
    return {
        "measure": measure,
        "value": value,
        "year": year,
        "is_planned": False,
        "document": document,
        "quote": "q",
        **given,
    }


def _found(step: str, *figures: dict[str, Any], subject: str = "sound-tidal", **given: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"others": [], "missing": [], "notes": [], "feedback": ""}
    return {**empty, "step": step, "subject": subject, "figures": list(figures), **given}


def _plan(*found: dict[str, Any]) -> dict[str, Any]:
    return {"output": {}, "spawned": {one["step"].rpartition("/")[2]: one for one in found}}


def _rework(*found: dict[str, Any]) -> tuple[str, list[str]] | None:
    findings = read_findings(_plan(*found))
    return choose_rework(findings, find_faults(LIBRARY, findings))


def _weigh(*found: dict[str, Any]) -> float:
    findings = read_findings(_plan(*found))
    faults = find_faults(LIBRARY, findings)
    assignment = {"question": "?", "why": "", "measures": ["energy"], "wanted": "most"}
    return analyse(LIBRARY, assignment, findings, faults)[1]


FINE = _figure(8, "utility-annual-2024")
WRONG = _figure(42, "tidal-leaflet-2021")


def test_what_agrees_goes_on() -> None:
    assert _rework(_found("plan/a", FINE, others=[_figure(8.1, "tidal-review-2023")])) is None
    assert _weigh(_found("plan/a", FINE)) == 0.95


def test_an_older_figure_goes_back_when_a_newer_one_was_seen_by_anybody() -> None:
    own = _rework(_found("plan/a", WRONG, others=[FINE]))
    assert own is not None
    assert own[0] == "plan/a"
    assert own[1][-1] == "Leave out: tidal-leaflet-2021."
    assert _rework(_found("plan/a", WRONG), _found("plan/b", FINE)) == own
    assert _rework(_found("plan/a", WRONG), _found("plan/b", FINE, subject="norhead-wind")) is None


def test_a_newer_plan_corrects_nothing() -> None:
    plan = _figure(35, "council-outlook-2025", "capacity", is_planned=True)
    assert _rework(_found("plan/a", _figure(31, "wind-repowering-2023", "capacity"), others=[plan])) is None


def test_a_planned_figure_goes_back_when_a_measured_one_was_seen() -> None:
    plan = _figure(35, "council-outlook-2025", "capacity", is_planned=True)
    sent = _rework(_found("plan/a", plan, others=[_figure(31, "wind-repowering-2023", "capacity")]))
    assert sent is not None
    assert "is only planned, but wind-repowering-2023 of 2023 says 31 MW." in sent[1][0]


def test_the_impossible_goes_back_first() -> None:
    corrected = _found("plan/b", _figure(24, "wind-plan-2017", "capacity"), subject="norhead-wind")
    impossible = _found("plan/a", WRONG, _figure(3, "tidal-review-2023", "capacity"))
    sent = _rework(corrected, impossible)
    assert sent is not None
    assert sent[0] == "plan/a"
    assert "is more than 3 MW can give in a year." in sent[1][0]


def test_nobody_goes_back_twice_and_what_stays_wrong_is_doubted() -> None:
    again = _found("plan/a", WRONG, others=[FINE], feedback="Leave out: tidal-leaflet-2021.")
    assert _rework(again) is None
    assert _weigh(again) < 0.7


def test_each_missing_figure_makes_it_less_sure() -> None:
    assert _weigh(_found("plan/a", FINE, missing=["cost"])) == pytest.approx(0.475)


def test_those_sent_by_a_lead_are_found_where_they_stand() -> None:
    deep = {"output": {}, "spawned": {"all": {"output": {}, "spawned": {"a": _found("plan/all/a", FINE)}}}}
    assert [finding.step for finding in read_findings(deep)] == ["plan/all/a"]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"summary": "much", "of": "0"}, "HANDOFF_TOKENS"),
        (None, "coordinator's step put out"),
        ({"spawned": []}, "coordinator's step put out"),
        ({"question": "?"}, "nobody was sent"),
        ({"spawned": {"a": None}}, "spawned.a"),
        ({"spawned": {"a": {"step": "x"}}}, "'subject' is missing"),
    ],
)
def test_an_unreadable_hand_off_is_named(plan: Any, words: str) -> None:
    with pytest.raises(HandoffUnreadable, match=words):
        read_findings(plan)


def test_a_feedback_says_what_counts() -> None:
    scope = read_scope("It is old.\nLeave out: plan-2017, a-b. Use documents of 2022 or later.")
    assert scope == Scope(frozenset({"plan-2017", "a-b"}), 2022)
    assert read_scope("please look again").leave_out == frozenset()
