"""The page of decisions is made from the rules of today."""

from pathlib import Path

from tests.unit.orchestration.rules_page import write_page

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "decisions.md"


def test_the_page_shows_the_rules_of_today() -> None:
    assert _PAGE.read_text(encoding="utf-8") == write_page(), (
        "out of date: run `python -m tests.unit.orchestration.rules_page > docs/reference/decisions.md`"
    )
