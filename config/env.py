"""The only reader of environment variables: everything else asks here.

A variable that is set to the empty string counts as not set. Every error names the variable.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NoReturn

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from config.errors import BadEnvironment

PROJECT_DIR = Path(__file__).resolve().parent.parent
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str = "") -> str:
    """Return the variable without surrounding blanks, or the default."""
    return os.environ.get(name, "").strip() or default


def required(name: str, meaning: str) -> str:
    """Return the variable; without it, an error says what it is for."""
    value = text(name)
    if not value:
        raise BadEnvironment(f"{name} is not set: set it to {meaning}.")
    return value


def whole_number(name: str, default: int) -> int:
    """Return the variable as an integer of at least 0."""
    value = text(name, str(default))
    if not value.isdecimal():
        raise BadEnvironment(f"{name} is {value!r}: set it to a whole number, 0 or more.")
    return int(value)


def flag(name: str, *, default: bool) -> bool:
    """Return the variable as a yes or no."""
    value = text(name).lower()
    if not value:
        return default
    if value not in _YES | _NO:
        raise BadEnvironment(f"{name} is {value!r}: set it to true or false.")
    return value in _YES


def comma_list(name: str, default: str = "") -> list[str]:
    """Return the parts of a comma separated variable; set to `none`, an empty list instead of the default."""
    value = text(name, default)
    return [] if value == "none" else [part.strip() for part in value.split(",") if part.strip()]


def app_list(name: str, default: str = "") -> list[str]:
    """Return the Django apps that a variable lists, packages or classes of `AppConfig`.

    Raises: BadEnvironment: one of them can't be found; Django would end in a traceback.
    """
    apps = comma_list(name, default)
    for app in apps:
        package, _, last = app.rpartition(".")
        if not _is_found(package if last[:1].isupper() and package else app):
            raise BadEnvironment(
                f"{name}: there is no package '{app}': correct the name, or put its folder beside manage.py "
                "or on PYTHONPATH."
            )
    return apps


def _is_found(module: str) -> bool:
    try:
        return not module.startswith(".") and find_spec(module) is not None
    except ModuleNotFoundError as error:
        # Of its own parents; what a parent itself imports and misses is another fault, which its traceback shows.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        return False
    except ValueError:  # no name at all
        return False


def json_object(name: str) -> dict[str, Any]:
    """Return the variable as a JSON object, `{}` when it is not set."""
    try:
        value = read_json(text(name, "{}"))
    except UnreadableJson as error:
        raise BadEnvironment(f"{name} is not JSON ({error}): set it to an object such as {{}}.") from error
    if not isinstance(value, dict):
        raise BadEnvironment(f"{name} is a JSON {type(value).__name__}: set it to an object such as {{}}.")
    return value


def state_dir() -> Path:
    """Return where the embedded services and the demo keep their data (RINGMASTER_STATE_DIR)."""
    return Path(text("RINGMASTER_STATE_DIR", str(PROJECT_DIR / ".ringmaster"))).expanduser().absolute()


_SECRET: Final = frozenset(
    {"DATABASE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "SECRET_KEY", "RINGMASTER_SIGNING_KEY"}
    | {
        "RINGMASTER_OVERRIDES",
        "RINGMASTER_CHANNELS",
        "EMAIL_HOST_PASSWORD",
        "STREAM_URL",
        "FLOWER_BASIC_AUTH",
        "PGPASSWORD",
        "PGPASSFILE",
        "PGSERVICEFILE",
    }
)


def secret_names() -> frozenset[str]:
    """Return the variables that agents in a process of their own don't find: the engine's, and those named to it."""
    return _SECRET | frozenset(comma_list("RINGMASTER_SECRETS"))


def forget(names: frozenset[str]) -> None:
    """Unset variables for this process and its children."""
    for name in names:
        os.environ.pop(name, None)


def set_again(names: frozenset[str]) -> None:
    """Let the C library hold copies of these variables, apart from the block that the process was started with."""
    for name in names & os.environ.keys():
        os.environ[name] = os.environ[name]  # that calls setenv


def choose_settings(module: str) -> None:
    """Use these Django settings unless DJANGO_SETTINGS_MODULE names others.

    Raises: BadEnvironment: it names settings that are not there.
    """
    chosen = text("DJANGO_SETTINGS_MODULE", module)
    if not _is_found(chosen):
        raise BadEnvironment(
            f"DJANGO_SETTINGS_MODULE: there is no module '{chosen}': name config.settings.local "
            "or config.settings.production."
        )
    export(DJANGO_SETTINGS_MODULE=chosen)


def set_default(name: str, value: str) -> None:
    """Set a variable for this process and its children unless it is set."""
    os.environ.setdefault(name, value)


def export(**variables: str) -> None:
    """Set variables for this process and its children."""
    os.environ.update(variables)


def replace_process(command: list[str], **variables: str) -> NoReturn:
    """Become another program, with these variables set."""
    os.execve(command[0], command, for_child(**variables))  # noqa: S606 - a list built by the caller, no shell


def for_child(**variables: str) -> dict[str, str]:
    """Return this process's environment with changes, for a child process."""
    return {**os.environ, **variables}


def search_path() -> Mapping[str, str]:
    """Return the one variable a clean child environment keeps: PATH."""
    return {"PATH": os.environ.get("PATH", os.defpath)}
