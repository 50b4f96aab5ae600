"""Actors: agents with an address, a mailbox and one turn at a time. docs/adr/0045.

    actors.send("support.case/4711", {"question": "..."}, idempotency_key="mail-17")
    actors.published(by="support.case/4711", topic="case.updated", since=yesterday)

Read in this order: `sending.py` (whoever is outside sends), `routing.py` (to mailboxes), `turns.py` (mail becomes a
run), `settling.py` (the run has ended), `replies.py`; `topics.py`, `life.py` and
`circles.py` for the rest.
"""

from orchestration.actors.life import find_actor, park, restart, send_again, stop
from orchestration.actors.published import dead_letters, published
from orchestration.actors.sending import publish, send
from orchestration.actors.topics import define_topic, subscribe, unsubscribe

__all__ = [
    "dead_letters",
    "define_topic",
    "find_actor",
    "park",
    "publish",
    "published",
    "restart",
    "send",
    "send_again",
    "stop",
    "subscribe",
    "unsubscribe",
]
