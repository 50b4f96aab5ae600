"""Start, stop and look at the embedded servers; one starter at a time, everything may be called twice."""

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.errors import ServiceError
from config.services import process
from config.services.postgres import Postgres
from config.services.record import ServiceRecord, new_password, read_records, write_record
from config.services.valkey import Valkey
from config.state import make_state_dir

_LOCK_SECONDS = 120
_START_ORDER = ("postgres", "valkey")
# A server whose variable is set is the user's own: nothing is started in its place.
URL_OF = {"postgres": "DATABASE_URL", "valkey": "CELERY_BROKER_URL"}

_SERVERS: dict[str, type[Postgres] | type[Valkey]] = {"postgres": Postgres, "valkey": Valkey}


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What one server looks like from outside."""

    name: str
    title: str
    is_running: bool
    port: int | None
    data_dir: str | None


def start(state_dir: Path, names: tuple[str, ...] = _START_ORDER, *, durable: bool = True) -> list[str]:
    """Bring up the named servers and wait until they answer.

    Args:
        state_dir: where their data, addresses and lock lie; made when missing.
        names: which servers, of `postgres` and `valkey`.
        durable: False for data that is thrown away.

    Returns:
        The names of the servers that were not running before.

    Raises:
        ServiceError: one line that says what is missing and what to do.
    """
    make_state_dir(state_dir)
    with _lock(state_dir):
        return [name for name in names if _start_one(state_dir, name, durable=durable)]


def stop(state_dir: Path, names: tuple[str, ...] = _START_ORDER) -> list[str]:
    """Stop the named servers; return those that were running."""
    if not state_dir.exists():
        return []
    with _lock(state_dir):
        running = [item.name for item in status(state_dir) if item.is_running and item.name in names]
        records = read_records(state_dir)
        for name in reversed(names):
            # One that no longer answers is stopped all the same.
            if name in records:
                _SERVERS[name](state_dir).stop(records[name])
        return running


def status(state_dir: Path) -> list[ServiceStatus]:
    """Return how each server stands; asks the servers themselves, not pid files."""
    records = read_records(state_dir)
    return [_status_of(server_type(state_dir), records.get(name)) for name, server_type in _SERVERS.items()]


def _status_of(server: Postgres | Valkey, record: ServiceRecord | None) -> ServiceStatus:
    if record is None:
        return ServiceStatus(server.name, server.title, is_running=False, port=None, data_dir=None)
    return ServiceStatus(server.name, server.title, server.answers(record), record.port, record.data_dir)


def _start_one(state_dir: Path, name: str, *, durable: bool) -> bool:
    server = _SERVERS[name](state_dir, durable)
    record = read_records(state_dir).get(name)
    if record is None:
        record = ServiceRecord(port=0, password=new_password(), data_dir=str(server.place()))
        # Written before the data is made: a start that is killed half-way must find its password again.
        write_record(state_dir, name, record)
    if record.port and server.answers(record):
        return False
    write_record(state_dir, name, server.start(record))
    return True


@contextlib.contextmanager
def _lock(state_dir: Path) -> Iterator[None]:
    path = state_dir / "services.lock"
    try:
        file = path.open("a")
    except PermissionError as error:
        raise ServiceError(
            f"{path} belongs to another user: run as that user, or set RINGMASTER_STATE_DIR."
        ) from error
    with file:
        if not process.wait_until(lambda: _try_lock(file.fileno()), _LOCK_SECONDS):
            raise ServiceError(f"Another start or stop holds {path} for {_LOCK_SECONDS} s: end it first.")
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
