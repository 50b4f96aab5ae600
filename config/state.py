"""The state folder of a checkout: made on first use, private files inside."""

import os
import secrets
from pathlib import Path

from config.errors import ServiceError


def make_state_dir(state_dir: Path) -> Path:
    """Make the folder; others may pass through it (under root PostgreSQL is another user), not list it."""
    try:
        state_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceError(
            f"{state_dir} can't be made ({error.strerror}): set RINGMASTER_STATE_DIR to a folder of yours."
        ) from error
    return state_dir


def write_private(path: Path, content: str) -> None:
    """Replace a file in one step; nobody but its owner may read it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_private(path: Path) -> str | None:
    """Return the file's text, None when it does not exist."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ServiceError(
            f"{path} belongs to another user: run as that user, or set RINGMASTER_STATE_DIR."
        ) from error


def read_or_create_key(state_dir: Path) -> str:
    """Return this checkout's secret key; two processes that both make it end up with the same one."""
    path = make_state_dir(state_dir) / "secret_key"
    if (key := read_private(path)) is not None:
        return key
    draft = path.with_name(f"secret_key.{os.getpid()}.new")
    write_private(draft, secrets.token_urlsafe(50))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8")
