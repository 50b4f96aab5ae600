"""The file `services.json`: the embedded servers' ports and passwords, kept so that addresses stay."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from config.errors import ServiceError
from config.state import read_private, write_private

DATABASE_NAME = "ringmaster"
USER_NAME = "ringmaster"


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """One server's address and where its data lies."""

    port: int
    password: str
    data_dir: str

    @property
    def database_url(self) -> str:
        """The address of our database, if this is PostgreSQL."""
        return f"postgresql://{USER_NAME}:{self.password}@127.0.0.1:{self.port}/{DATABASE_NAME}"

    @property
    def broker_url(self) -> str:
        """The address of the broker, if this is Valkey."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def new_password() -> str:
    """Return a password that needs no quoting in a URL or a configuration file."""
    return secrets.token_hex(24)


def read_records(state_dir: Path) -> dict[str, ServiceRecord]:
    """Return the records by service name, none before the first start."""
    path = state_dir / "services.json"
    content = read_private(path)
    if content is None:
        return {}
    try:
        return {name: ServiceRecord(**fields) for name, fields in json.loads(content).items()}
    except (ValueError, TypeError, AttributeError) as error:
        message = f"{path} is damaged ({error}): stop the servers and delete {state_dir}."
        raise ServiceError(message) from error


def write_record(state_dir: Path, name: str, record: ServiceRecord) -> None:
    """Store one record; the caller holds the lock."""
    records = read_records(state_dir) | {name: record}
    content = json.dumps({key: asdict(value) for key, value in records.items()}, indent=2)
    write_private(state_dir / "services.json", content)
