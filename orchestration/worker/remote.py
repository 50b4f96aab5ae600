"""Celery's remote control, cut down to questions: a worker tells what it does, and takes no orders.

Whoever reaches the broker could end every worker, take it from its queue, or revoke the ids of steps that are yet to
come. The engine needs none of it: processes are ended by whoever started them, runs by the console. Flower asks what
is answered here. Imported with the tasks; the refusals are registered as Celery documents for commands of one's own.
"""

from typing import Any, Final

from celery.worker import control

ANSWERED: Final = frozenset(
    {
        *("ping", "clock", "stats", "registered", "active_queues", "conf"),
        *("active", "reserved", "scheduled", "revoked", "query_task"),
        # Other names of these.
        *("dump_active", "dump_reserved", "dump_schedule", "dump_revoked", "dump_tasks", "dump_conf"),
        # No more than a word to whoever watches, who may ask for it again and again.
        *("enable_events", "heartbeat"),
    }
)
_REFUSAL: Final = (
    "refused: workers take no orders by the broker; docs/howto/production.md says how to stop one"
)


def _refuse(_state: Any, **_arguments: Any) -> dict[str, str]:
    return control.nok(_REFUSAL)  # type: ignore[no-any-return]  # Celery has no types


def tell_settings(state: Any, **_options: Any) -> dict[str, str]:
    """Return the worker's own settings: none of Django's, and no address, which may hold a password."""
    table = state.app.conf.table(with_defaults=False)
    return {
        name: repr(value)
        for name, value in table.items()
        if name.startswith(("CELERY_", "worker_", "task_"))
        and not name.endswith(("_URL", "_BACKEND", "_SSL"))
    }


def _close() -> None:
    for name in control.Panel.data.keys() - ANSWERED:
        control.control_command(name=name, visible=False)(_refuse)
    control.inspect_command(name="conf", alias="dump_conf")(tell_settings)


_close()
