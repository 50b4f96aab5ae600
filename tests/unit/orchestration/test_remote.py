"""Workers answer questions that come by the broker, and take no orders."""

import json
from typing import Any

import pytest
from celery import current_app
from celery.worker.control import Panel

from orchestration.worker.remote import ANSWERED


class _State:
    app = current_app

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"an order got through to the worker's {name}")


ORDERS = (
    "shutdown",
    "pool_restart",
    "pool_grow",
    "pool_shrink",
    "autoscale",
    "add_consumer",
    "cancel_consumer",
    "rate_limit",
    "time_limit",
    "revoke",
    "revoke_by_stamped_headers",
    "terminate",
    "election",
    "disable_events",
    # Questions to Celery; but these write files, look into memory, or take over what another says was revoked.
    "hello",
    "objgraph",
    "memsample",
    "memdump",
    "report",
)


@pytest.mark.parametrize("order", ORDERS)
def test_no_order_is_taken(order: str) -> None:
    answer = Panel.data[order](_State(), task_id="x", queue="q", n=1, revoked={"x": 1}, from_node="y", max=1)
    assert answer["error"].startswith("refused")


def test_every_command_is_a_known_question_or_refused() -> None:
    """A command that a new Celery brings is looked at before it is answered."""
    assert Panel.data.keys() - ANSWERED == set(ORDERS)


@pytest.mark.parametrize("question", ["conf", "dump_conf"])
def test_settings_are_told_without_secrets(question: str) -> None:
    told = Panel.data[question](_State())
    assert told["CELERY_WORKER_PREFETCH_MULTIPLIER"] == "1"
    assert current_app.conf.broker_url not in json.dumps(told)
    assert not [name for name in told if "SECRET" in name or "DATABASE" in name]
