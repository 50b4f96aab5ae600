import pytest


@pytest.fixture
def _django_db_helper(committed_db: None) -> None:
    """Stand in for pytest-django's: between the tests of a module nothing is flushed under the workers' feet."""
