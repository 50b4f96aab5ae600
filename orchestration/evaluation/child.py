"""A helper process: evaluates one expression after the other, each under a limit that its own kernel keeps.

It is told nothing but expressions and values, has no secrets in its environment, and ends when its parent does: its
input is closed then, and no evaluation outlives its timers. Read first: `helper.py`.
"""

import resource
import signal
import time
from typing import Any, BinaryIO, Final

import orjson

from orchestration.domain.expressions import ExpressionFailed, ExpressionInvalid, evaluate

MAX_MEMORY_BYTES: Final = 1 << 30
# A machine that is busy with other things may take this many times the work's own time.
WALL_FACTOR: Final = 6
READY: Final = b"ready\n"
_LENGTH: Final = 8


def write_message(stream: BinaryIO, message: Any) -> None:
    """Write one JSON value behind its length.

    Raises: OSError: the other side is gone.
    """
    body = orjson.dumps(message)
    rest = memoryview(len(body).to_bytes(_LENGTH) + body)
    while rest:
        rest = rest[stream.write(rest) :]


def read_message(stream: BinaryIO) -> Any:
    """Read one JSON value.

    Raises: EOFError: the other side is gone.
    """
    return orjson.loads(_read(stream, int.from_bytes(_read(stream, _LENGTH))))


def _read(stream: BinaryIO, length: int) -> bytes:
    parts = []
    while length:
        part = stream.read(length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def serve(asked: BinaryIO, answered: BinaryIO) -> None:
    """Answer until nobody asks any more."""
    for order in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        # Orders to end go to all processes of a service: its worker needs this one until it has ended its steps.
        signal.signal(order, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    answered.write(READY)
    while True:
        try:
            source, values, seconds = read_message(asked)
        except EOFError:
            return
        _limit(seconds)
        answer = _answer(source, values)
        _limit(0.0)
        write_message(answered, answer)


def _limit(seconds: float) -> None:
    # Their signals' default is to end the process, whatever the library is doing.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WALL_FACTOR)


def _answer(source: str, values: dict[str, Any]) -> dict[str, Any]:
    began = time.process_time()
    said: dict[str, Any]
    try:
        said = {"value": evaluate(source, values)}
    except (ExpressionFailed, ExpressionInvalid) as error:
        said = {"failed": str(error)}
    return {**said, "spent": time.process_time() - began}


if __name__ == "__main__":
    serve(open(0, "rb", buffering=0), open(1, "wb", buffering=0))  # noqa: SIM115 - its own pipes
