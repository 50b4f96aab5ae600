"""Lists of numbers reach the database whatever their size, in whatever order they come on a connection."""

import pytest

from orchestration.database.statements import fetch_one

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("cast", ["bigint[]", "numeric[]"])
def test_a_list_is_not_written_as_the_one_before_it_was(cast: str) -> None:
    for numbers in ([1], [50_000, -1], [2**40, 0], [], [2**63 - 1]):
        assert (
            fetch_one(f"SELECT %(numbers)s::{cast}::bigint[] AS told", {"numbers": numbers}).told == numbers
        )
