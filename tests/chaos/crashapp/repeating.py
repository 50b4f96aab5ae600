"""A broker that delivers every message several times, early and late, in an order of its own."""

import random
from collections.abc import Callable
from typing import Any

from kombu.transport import redis
from kombu.utils.json import dumps

VARIABLE = "CRASHAPP_REPEAT"


def install(copies: int) -> None:
    if copies > 1:
        redis.Channel._put = _repeating(redis.Channel._put, copies)


def _repeating(original: Callable[..., None], copies: int) -> Callable[..., None]:
    def _put(channel: Any, queue: str, message: dict[str, Any], **options: Any) -> None:
        original(channel, queue, message, **options)
        with channel.conn_or_acquire() as client:
            for _ in range(copies - 1):
                # Consumers take from the right: there a copy overtakes all, on the left it comes last.
                push = random.choice((client.lpush, client.rpush))
                push(channel._q_for_pri(queue, 0), dumps(message))

    return _put
