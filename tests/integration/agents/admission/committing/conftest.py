import pytest


@pytest.fixture(autouse=True)
def _django_db_helper(committed_db: None) -> None:
    """These tests commit on several connections, each under names of its own: one flush a module will do."""
