"""What an agent's health says of its breaker: closed, open, until a probe may pass, while one is under way."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from agents.admission import Admitted, admit, note_success, note_unclear
from agents.models import Breaker
from tests.integration.agents.admission.scenes import fail, let_pause_pass, let_probe_pass
from tests.integration.api.people import Caller
from tests.integration.api.scene import Scene

pytestmark = pytest.mark.django_db
AGENT = "test.writer"
CLOSED = {"state": "closed", "opened_at": None, "probe_at": None, "may_probe": False, "is_probing": False}


@pytest.fixture
def viewer(callers: dict[str, Caller]) -> Caller:
    return callers["viewer"]


def _ask(caller: Caller, agent: str = AGENT) -> Any:
    return caller.get(f"/api/v1/agents/{agent}/health").json()["breaker"]


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def test_an_open_breaker_says_since_when_and_when_a_probe_may_pass(scene: Scene, viewer: Caller) -> None:
    assert _ask(viewer) == CLOSED
    fail(AGENT, 6)
    row = Breaker.objects.get(agent=AGENT)
    opened = {**CLOSED, "state": "open", "opened_at": _text(row.opened_at)}
    assert _ask(viewer) == {**opened, "probe_at": _text(row.until)}
    assert _ask(viewer, f"{AGENT}@2") == _ask(viewer)
    assert _ask(viewer, "test.sender") == CLOSED
    let_pause_pass(AGENT)
    assert _ask(viewer) == {**opened, "may_probe": True}


def test_a_half_open_breaker_says_whether_a_probe_is_under_way(scene: Scene, viewer: Caller) -> None:
    fail(AGENT, 6)
    opened_at = _text(Breaker.objects.get(agent=AGENT).opened_at)
    half_open = {**CLOSED, "state": "half_open", "opened_at": opened_at}
    token, next_token = let_probe_pass(AGENT), uuid4()
    assert _ask(viewer) == {**half_open, "is_probing": True}
    note_unclear(AGENT, token)
    assert _ask(viewer) == {**half_open, "may_probe": True}
    assert admit(AGENT, next_token) == Admitted(is_probe=True)
    note_success(AGENT, next_token)
    assert _ask(viewer) == CLOSED
