"""Sends what was announced: beside the maintainer's sweep, so that a mail server that hangs keeps nobody from rescue.

Each channel is worked by one thread at a time: a channel that hangs keeps no other one waiting.
"""

import threading
from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from escalation.conf import get_conf
from escalation.domain.channels import Channel
from escalation.notify.composing import compose
from escalation.notify.outbox import Claimed, claim_next, is_paused, mark_failed, mark_sent
from escalation.notify.planning import plan_notices
from escalation.notify.sending import explain, send

log = structlog.get_logger(__name__)
_PAUSE_SECONDS: Final = 1.0


def notify_people(stop: threading.Event) -> None:
    """Plan and send until `stop` is set. For the maintainer that leads; two at once send nothing twice."""
    at_work: dict[str, threading.Thread] = {}
    while not stop.is_set():
        try:
            plan_notices()
            for name, channel in get_conf().channels.items():
                if name not in at_work or not at_work[name].is_alive():
                    at_work[name] = _begin(channel, stop)
        except DatabaseError as error:
            log.warning("notifier_interrupted", error=str(error), next="it tries again")
            connection.close()
        close_old_connections()
        stop.wait(_PAUSE_SECONDS)


def send_due(channel: Channel, stop: threading.Event | None = None) -> int:
    """Send what is due over a channel, one by one, until nothing is, or it fails too often; return how many went."""
    sent = 0
    while not (stop and stop.is_set()) and not is_paused(channel.name):
        claimed = claim_next(channel.name)
        if claimed is None:
            break
        sent += _send_one(channel, claimed)
    return sent


def _begin(channel: Channel, stop: threading.Event) -> threading.Thread:
    # A daemon: a resolver that hangs must not keep the process from ending; the lease frees what it held.
    thread = threading.Thread(target=_work, args=(channel, stop), name=f"channel {channel.name}", daemon=True)
    thread.start()
    return thread


def _work(channel: Channel, stop: threading.Event) -> None:
    try:
        send_due(channel, stop)
    except DatabaseError as error:
        log.warning("channel_interrupted", channel=channel.name, error=str(error), next="it tries again")
    finally:
        connection.close()


def _send_one(channel: Channel, claimed: Claimed) -> bool:
    """Send one message: no transaction and no connection is held while the other side works."""
    try:
        message = compose(claimed.id)
        connection.close()
        send(channel, message)
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a service's client raises is a failure of this message
        failure = explain(error)
        log.warning("message_not_sent", channel=channel.name, message=str(claimed.id), why=failure.why)
        mark_failed(claimed, channel.name, failure)
        return False
    return mark_sent(claimed, channel.name)
