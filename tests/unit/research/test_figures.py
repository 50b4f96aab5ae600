"""What sentences state: of what, how much, and whether it is only planned."""

from datetime import date

import pytest

from examples.research.figures import read_figures
from examples.research.library import Document, open_library


def _document(kind: str = "report", about: str = "") -> Document:
    return Document("d", "T", date(2024, 5, 1), kind, about, (), ())


def _read(sentence: str, *, kind: str = "report", about: str = "") -> list[tuple[str, str, float, bool]]:
    found = read_figures(open_library().index, _document(kind, about), sentence)
    return [(figure.subject, figure.measure, figure.value, figure.is_planned) for figure in found]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The solar field yields 15 GWh a year.", ("saltmarsh-solar", "energy", 15, False)),
        ("The biogas plant has engines of 2,500 kW.", ("millbrook-biogas", "capacity", 2.5, False)),
        ("Tidal power costs 190 euros per MWh.", ("sound-tidal", "price", 190, False)),
        ("The battery stores 40 MWh.", ("harbour-battery", "storage", 40, False)),
        ("The ferry line is expected to use 9 GWh a year.", ("ferry-line", "energy", 9, True)),
        ("The grid took 30 MW from the wind park.", ("norhead-wind", "capacity", 30, False)),
    ],
)
def test_a_figure_belongs_to_the_subject_and_measure_it_is_stated_of(
    sentence: str, expected: tuple[str, str, float, bool]
) -> None:
    assert _read(sentence) == [expected]


def test_what_names_no_subject_is_about_the_documents() -> None:
    assert _read("It takes 4 hectares.", about="millbrook-biogas") == [("millbrook-biogas", "land", 4, False)]
    assert _read("It takes 4 hectares.") == []


def test_of_two_figures_the_one_behind_the_measures_name_counts() -> None:
    sentence = "The repowering cost 11 million euros more, so that the build cost of the wind park is 52 million euros."
    assert _read(sentence, about="norhead-wind") == [("norhead-wind", "cost", 52, False)]
    sentence = "The capacity of the wind park is 24 MW, from eight turbines of 3 MW each."
    assert _read(sentence) == [("norhead-wind", "capacity", 24, False)]


def test_what_a_plan_states_is_planned() -> None:
    assert _read("The wind park takes 12 hectares.", kind="plan") == [("norhead-wind", "land", 12, True)]


@pytest.mark.parametrize(
    "sentence", ["The wind park turns.", "Eight MW of wind.", "wind 12.5.3 MW", "wind1 MW"]
)
def test_no_figure_is_invented(sentence: str) -> None:
    assert _read(sentence, about="norhead-wind") == []
