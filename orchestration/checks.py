"""System checks: what would go wrong quietly with these settings or this database, said before it does.

`manage.py check` runs those of the settings, `manage.py check --database default` also those of the database.
"""

import binascii
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from secrets import randbits
from typing import Any, Final

import psycopg
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning  # noqa: A004 - Django's word
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils.module_loading import import_string, module_has_submodule

from agents.selectors import find_contract
from orchestration.conf import Conf, get_conf, get_former_keys, get_signer
from orchestration.memory.vectors import HNSW, are_enabled
from orchestration.worker.sessions import open_session

_CHECK_LOCK_CLASS = 0x52_4D_FF  # beside those of presence.py


def check_names(**_: Any) -> list[CheckMessage]:
    """Refuse settings that nobody reads: a misspelled name would silently leave the default in force."""
    known = sorted({name for app in apps.get_app_configs() for name in _find_names(app)})
    return [_unknown(name, known) for name in getattr(settings, "RINGMASTER", {}) if name not in known]


def check_values(**_: Any) -> list[CheckMessage]:
    """Refuse values that would fail only later, or let leases run out between two heartbeats."""
    try:
        return list(_find_faults(get_conf()))
    except ImproperlyConfigured as error:
        hint = "orchestration/conf.py says its unit and default."
        return [Error(line, hint=hint, id="orchestration.E002") for line in str(error).splitlines()]


def check_paths(**_: Any) -> list[CheckMessage]:
    """Refuse dotted paths that lead nowhere; what they lead to is loaded for that."""
    try:
        conf = get_conf()
    except ImproperlyConfigured:
        return []  # check_values says what is wrong
    paths = (
        conf.ESCALATOR,
        *filter(None, (conf.HOLD_BACKS,)),
        *conf.MAINTENANCE_DUTIES,
        *conf.MAINTENANCE_COMPANIONS,
        *conf.LOOKS.values(),
    )
    return [fault for path in paths for fault in _path_faults(path)] + _check_summariser(
        conf.SUMMARISER_AGENT
    )


def _check_summariser(agent: str) -> list[CheckMessage]:
    """Warn of an agent for summaries that nobody registered: they would be made in place without a word."""
    if not agent or find_contract(agent) is not None:
        return []
    hint = "`manage.py list_agents` shows the known ones; name one of them, or remove the setting."
    return [
        Warning(
            f"RINGMASTER['SUMMARISER_AGENT']: unknown agent '{agent}'", hint=hint, id="orchestration.W002"
        )
    ]


def check_sessions(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse a pooler that shares one server session among clients: locks would belong to nobody."""
    if "default" not in (databases or ()):
        return []
    try:
        with open_session("ringmaster check") as first, open_session("ringmaster check") as second:
            own = _keeps_its_session(first, second)
    except psycopg.OperationalError as error:
        return [_unusable(error)]
    if own:
        return []
    return [
        Error(
            "the database gives a client another session for each transaction, so advisory locks don't hold",
            hint="Connect to PostgreSQL itself, or set pgbouncer's pool_mode to `session`.",
            id="orchestration.E005",
        )
    ]


def check_vectors(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Say that memories are found by words only, where nobody has enabled vectors."""
    if "default" not in (databases or ()):
        return []
    try:
        if are_enabled():
            return []
    except DatabaseError:
        return []  # check_sessions says what is wrong
    return [
        Info(
            "memories are found by words only: vectors are not enabled in this database",
            hint="Run `manage.py enable_vectors`; docs/howto/memory.md says what that changes.",
            id="orchestration.I001",
        )
    ]


def _find_names(app: AppConfig) -> Iterator[str]:
    """Yield the names that an app reads from RINGMASTER: its conf.Conf's fields, and its conf.RINGMASTER_NAMES."""
    if app.module is None or not module_has_submodule(app.module, "conf"):
        return
    conf = import_module(f"{app.name}.conf")
    yield from getattr(getattr(conf, "Conf", None), "__dataclass_fields__", ())
    yield from getattr(conf, "RINGMASTER_NAMES", ())


def _unusable(error: psycopg.OperationalError) -> CheckMessage:
    return Error(
        f"the database can't be used: {str(error).strip().splitlines()[0]}",
        hint="Start it (`manage.py services start`, if it is the embedded one), or correct DATABASE_URL.",
        id="orchestration.E006",
    )


_RENAMED: Final = {"HANDOFF_TOKEN_BUDGET": "HANDOFF_TOKENS"}


def _unknown(name: str, known: list[str]) -> CheckMessage:
    if name in _RENAMED:
        return Error(
            f"RINGMASTER['{name}'] has another name now",
            hint=f"Call it {_RENAMED[name]}; it means what it meant.",
            id="orchestration.E001",
        )
    message = f"RINGMASTER['{name}']: no installed app reads this name"
    close = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
    if close:
        return Error(message, hint=f"Did you mean {close[0]}?", id="orchestration.E001")
    # Not an error: an app may read a name that it doesn't declare.
    return Warning(
        message,
        hint=f"Known are: {', '.join(known)}. An app names its own in RINGMASTER_NAMES of its conf.py.",
        id="orchestration.W001",
    )


def _find_faults(conf: Conf) -> Iterator[CheckMessage]:
    if conf.VECTOR_INDEX not in {"", HNSW}:
        yield Error(
            f"RINGMASTER['VECTOR_INDEX'] is {conf.VECTOR_INDEX!r:.80}",
            hint='Leave it empty, which is exact, or write "hnsw" once `enable_vectors --hnsw` has made the index.',
            id="orchestration.E008",
        )
    if conf.LEASE_SECONDS < 3 * conf.HEARTBEAT_SECONDS:
        yield Error(
            f"RINGMASTER['LEASE_SECONDS'] ({conf.LEASE_SECONDS:g}) must be at least three times "
            f"HEARTBEAT_SECONDS ({conf.HEARTBEAT_SECONDS:g})",
            hint="Otherwise a live worker whose beat is late is taken for dead.",
            id="orchestration.E003",
        )
    try:
        get_signer()
    except (binascii.Error, ValueError, TypeError) as error:
        yield Error(
            f"RINGMASTER['SIGNING_KEY'] is malformed: {error}",
            hint="Make one: python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'",
            id="orchestration.E004",
        )
    try:
        get_former_keys()
    except ValueError as error:
        yield Error(
            f"RINGMASTER['FORMER_SIGNING_KEYS']: {error}",
            hint="It lists public keys, the halves that are no secret.",
            id="orchestration.E004",
        )


def _path_faults(path: str) -> Iterator[CheckMessage]:
    try:
        import_string(path)
    except ImportError as error:
        yield Error(
            f"RINGMASTER names '{path}', which can't be imported: {error}",
            hint="See ESCALATOR, HOLD_BACKS, MAINTENANCE_DUTIES, MAINTENANCE_COMPANIONS and LOOKS.",
            id="orchestration.E007",
        )


def _keeps_its_session(first: psycopg.Connection[Any], second: psycopg.Connection[Any]) -> bool:
    """Return whether two clients have a session each, and the first keeps its own while the second works."""
    number = randbits(31)
    own = _ask(first, "SELECT pg_backend_pid()")
    _ask(first, "SELECT pg_advisory_lock(%s::int, %s::int)", _CHECK_LOCK_CLASS, number)
    # A pooler hands out whichever session is free: the second client's transaction takes the first's away.
    with second.transaction():
        others = _ask(second, "SELECT pg_backend_pid()")
        again = _ask(first, "SELECT pg_backend_pid()")
        is_free = _ask(
            second, "SELECT pg_try_advisory_xact_lock(%s::int, %s::int)", _CHECK_LOCK_CLASS, number
        )
    _ask(first, "SELECT pg_advisory_unlock(%s::int, %s::int)", _CHECK_LOCK_CLASS, number)
    return bool(own == again != others and not is_free)


def _ask(session: psycopg.Connection[Any], question: str, *values: object) -> Any:
    row = session.execute(question, values).fetchone()
    return row[0] if row else None
