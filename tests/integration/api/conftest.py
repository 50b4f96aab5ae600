from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.integration.api.people import Caller, make_callers
from tests.integration.api.scene import Scene, known_agents, set_scene


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    """Let no test count against another's throttle."""
    cache.clear()


@pytest.fixture
def scene(db: None) -> Iterator[Scene]:
    made = set_scene()
    with known_agents():
        yield made


@pytest.fixture
def callers(scene: Scene) -> dict[str, Caller]:
    return make_callers(scene.project, scene.other)
