"""What a hostile or clumsy broker does, by hand: messages forged, repeated and lost."""

from typing import Any

from celery import current_app

from orchestration.dispatch import TASK


def forge(step_id: object, *, chain_to: object = None, queue: str = "steps") -> None:
    """Publish a message that the engine did not ask for.

    Args: chain_to: the step of a chain link that it carries.
    """
    options: dict[str, Any] = {"queue": queue, "ignore_result": True}
    if chain_to is not None:
        link = current_app.signature(TASK, args=(chain_to,), immutable=True)
        options["chain"] = [link.set(task_id=f"forged-{chain_to}", **options)]
    current_app.send_task(TASK, args=(step_id,), **options)


def lose_all(queue: str = "steps") -> int:
    """Delete what waits in a queue and return how many messages that were."""
    with current_app.connection_for_write() as connection:
        return int(connection.default_channel.queue_purge(queue) or 0)
