"""docs/reference/api.md says what there is."""

from tests.architecture.sources import PROJECT_DIR
from tests.integration.api.table import write_codes, write_endpoints

_PAGE = PROJECT_DIR / "docs" / "reference" / "api.md"


def test_the_page_has_the_tables_of_today() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    for table in (write_endpoints(), write_codes()):
        assert table in page, (
            "run `python -m tests.integration.api.table` and put what it prints into the page"
        )
