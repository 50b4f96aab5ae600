"""One scene and its people for each module; what a test writes is taken back after it."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import transaction

from tests.integration.api.people import Caller, make_callers
from tests.integration.api.scene import Scene, known_agents, set_scene


@pytest.fixture
def _django_db_helper(committed_db: None) -> Iterator[None]:
    """Stand in for pytest-django's: the module's rows stay, the test's go."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def fresh_counts(committed_db: None) -> None:
    """Let no test count against another's throttle; and have each, run by itself, find the module's rows."""
    cache.clear()


@pytest.fixture(scope="module")
def scene(committed_db: None) -> Scene:
    return set_scene()


@pytest.fixture(scope="module")
def callers(scene: Scene) -> dict[str, Caller]:
    return make_callers(scene.project, scene.other)


@pytest.fixture(autouse=True)
def agents_of_the_scene() -> Iterator[None]:
    """Have the scene's agents known to whatever a test publishes or starts."""
    with known_agents():
        yield
