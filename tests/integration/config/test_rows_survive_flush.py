"""Tests that commit find the rows that migrations wrote, whichever test ran before."""

import pytest

from orchestration.models import Project


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_marked_tests_find_the_rows_of_migrations(turn: int) -> None:
    assert Project.objects.filter(slug="default").count() == 1


@pytest.mark.parametrize("turn", [1, 2])
def test_tests_with_the_fixture_find_them_too(transactional_db: None, turn: int) -> None:
    assert Project.objects.filter(slug="default").count() == 1
