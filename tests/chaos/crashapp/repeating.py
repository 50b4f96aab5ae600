"""A broker that delivers every message several times, early and late, in an order of its own.

In force while the file `repeat` says how often.
"""

import random
from collections.abc import Callable
from typing import Any

from kombu.transport import redis
from kombu.utils.json import dumps

from tests.chaos.crashapp.journal import folder


def install() -> None:
    channel: Any = redis.Channel
    channel._put = _repeating(channel._put)


def _repeating(original: Callable[..., None]) -> Callable[..., None]:
    def _put(channel: Any, queue: str, message: dict[str, Any], **options: Any) -> None:
        original(channel, queue, message, **options)
        copies = _count_copies()
        if copies > 1:
            with channel.conn_or_acquire() as client:
                for _ in range(copies - 1):
                    # Consumers take from the right: there a copy overtakes all, on the left it comes last.
                    push = random.choice((client.lpush, client.rpush))
                    push(channel._q_for_pri(queue, 0), dumps(message))

    return _put


def _count_copies() -> int:
    try:
        return int((folder() / "repeat").read_text())
    except FileNotFoundError:
        return 1
