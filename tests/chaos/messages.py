"""What a hostile or clumsy broker does, by hand: messages forged, repeated and lost."""

import uuid
from typing import Any

from celery import current_app

from orchestration.domain.messages import TASK


def forge(step_id: object, *, chain_to: object = None, queue: str = "steps") -> None:
    """Publish a message that the engine did not ask for.

    Args: chain_to: the step of a chain link that it carries.
    """
    options: dict[str, Any] = {"queue": queue, "ignore_result": True}
    chain = {}
    if chain_to is not None:
        link = current_app.signature(TASK, args=(chain_to,), immutable=True)
        chain["chain"] = [link.set(task_id=_forge_task_id(chain_to), **options)]
    current_app.send_task(TASK, args=(step_id,), task_id=_forge_task_id(step_id), **options, **chain)


def _forge_task_id(step_id: object) -> str:
    """Return an id as the engine makes them, so that the message gets as far as it can."""
    return f"{uuid.uuid4()}.{step_id}.1"


def lose_all(queue: str = "steps") -> int:
    """Delete what waits in a queue and return how many messages that were."""
    with current_app.connection_for_write() as connection:
        return int(connection.default_channel.queue_purge(queue) or 0)
