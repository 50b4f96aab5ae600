from collections.abc import Iterator

import pytest

from agents.domain.catalogue import catalogue
from agents.domain.invocation import Task


@pytest.fixture
def task() -> Task:
    return Task(
        input={"customer": "ada"},
        handoff={"history": [1, 2]},
        run_input={"mail": 17},
        run_id="run-1",
        step_key="draft",
        attempt=1,
        token="token-1",
        idempotency_key="key-1",
    )


@pytest.fixture
def declared() -> Iterator[None]:
    """Give back the table as it was: what a test declares must not be known to the next one."""
    before = dict(catalogue._declared)
    yield
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()
