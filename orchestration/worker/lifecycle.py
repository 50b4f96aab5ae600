"""Ties a process's presence to Celery's life cycle. Imported with the tasks; acts in worker processes only."""

import os
import socket
from functools import partial
from typing import Any

import structlog
from billiard.process import current_process
from celery import current_app
from celery.signals import (
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)

from agents.invoke import describe_offers, plan_builds
from agents.selectors import answered_names
from orchestration.domain.spec import ENGINE_AGENTS
from orchestration.handoff import count_tokens
from orchestration.presence import Presence
from orchestration.worker.checklist import refuse_faults
from orchestration.worker.heart import Heart
from orchestration.worker.host import this_host
from orchestration.worker.implant import implant_pacemaker, overdue_patience
from orchestration.worker.losses import Replacing, replace_lost
from orchestration.worker.telling import EventTeller
from orchestration.worker.warming import warm_connections

log = structlog.get_logger(__name__)


class _Life:
    """What the process knows of itself between Celery's calls; forked children inherit the node's name."""

    def __init__(self) -> None:
        self.hostname = ""
        self.heart: Heart | None = None
        self.pacemaker: socket.socket | None = None

    def begin(
        self, name: str, concurrency: int, teller: EventTeller | None, executor: Replacing | None = None
    ) -> None:
        """Enter. `executor`: of the thread worker; Celery ends a child of a prefork worker at its time limit."""
        host = this_host()
        host.teller = teller
        queues = sorted(current_app.amqp.queues.consume_from)
        building = plan_builds(queues, self._tell_offers)
        presence = Presence(
            name=name,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=queues,
            agents=_list_offers(),
            concurrency=concurrency,
            offers_json=describe_offers(queues),
        )
        look = None
        if executor is not None:
            look = partial(replace_lost, host.flights, executor, overdue_patience())

        def tell() -> tuple[list[str], str]:
            return _list_offers(), describe_offers(queues)

        self.heart = Heart(host, presence, self.pacemaker, look=look, tell_offers=tell)
        self.heart.start()
        if teller is not None:
            teller.start()
        if building is not None:
            building.start()

    def _tell_offers(self) -> None:
        if self.heart is not None:
            self.heart.beat_now()

    def end(self) -> None:
        if self.heart is not None:
            self.heart.stop()
            self.heart = None


def _list_offers() -> list[str]:
    return sorted(answered_names() | ENGINE_AGENTS)


_life = _Life()


@worker_init.connect
def remember_name(sender: Any, **_: Any) -> None:
    """Keep the node's name for children that are forked later; load what every step needs before they are.

    Raises: SystemExit: no step could be performed with these settings or this database.
    """
    refuse_faults()
    _life.hostname = str(sender.hostname)
    # Before children are forked, which come to it too; and early, since it takes as long to start as the rest.
    _life.pacemaker = implant_pacemaker()
    count_tokens("")
    if not _forks(sender):
        warm_connections(int(sender.concurrency))


@worker_ready.connect
def begin_worker(sender: Any, **_: Any) -> None:
    """Enter as one process, unless children execute for it."""
    controller = sender.controller
    if not _forks(controller):
        teller = EventTeller(sender.hostname) if controller.task_events else None
        _life.begin(sender.hostname, int(controller.concurrency), teller, sender.pool.executor)


@worker_process_init.connect
def begin_child(**_: Any) -> None:
    """Enter as a prefork child. Its replacement gets the same index and so retires it by name."""
    _life.begin(f"{_life.hostname}/{current_process().index}", 1, None)


@worker_process_shutdown.connect
def end_child(**_: Any) -> None:
    """Leave in order."""
    _life.end()


@worker_shutdown.connect
def end_worker(**_: Any) -> None:
    """Leave in order, after the last step came home."""
    _life.end()


def _forks(controller: Any) -> bool:
    pool = controller.pool_cls
    return (pool if isinstance(pool, str) else pool.__module__).rpartition(".")[2].split(":")[0] == "prefork"
