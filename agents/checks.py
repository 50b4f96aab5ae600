"""System checks: what would make a step wait for ever, said before it does. Run with `check --database default`."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's word
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils.module_loading import import_string

from agents.admission.board import PoolLine, list_pools
from agents.conf import DEFAULT_CAPACITY, get_conf
from agents.deltas import find_fault
from agents.domain.catalogue import catalogue
from agents.domain.circuit import OF_MODELS
from agents.domain.failure_table import knows_name
from agents.providers import is_priced


def check_settings(**_: Any) -> list[CheckMessage]:
    """Refuse numbers that no breaker or pool can work by, and name agents that nobody has."""
    try:
        conf = get_conf()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="agents/conf.py says what each number means.", id="agents.E001")]
    unknown = sorted(
        name for name in conf.BREAKERS.keys() - catalogue.names() if not name.startswith(OF_MODELS)
    )
    return [
        *(fault for path in conf.ERROR_KINDS for fault in _find_path_faults(path)),
        *_warn_of_unknown(unknown),
        *_find_stream_faults(conf.STREAM_URL),
    ]


def _find_stream_faults(url: str) -> Iterator[CheckMessage]:
    fault = find_fault(url) if url else None
    if fault is not None:
        yield Error(
            f"RINGMASTER['STREAM_URL'] is no address of a Redis or Valkey: {fault}",
            hint="Write redis://:password@host:6379/0, rediss:// over TLS, or '' to show whole answers only.",
            id="agents.E007",
        )


def _find_path_faults(path: str) -> Iterator[CheckMessage]:
    """Yield what is wrong with the path of an exception's class, by which nothing would ever be recognised."""
    try:
        found = import_string(path)
    except ImportError as error:
        yield Warning(
            f"RINGMASTER['ERROR_KINDS'] names '{path}', which can't be imported here: {error}",
            hint="Correct the path, or install what it belongs to.",
            id="agents.W002",
        )
        return
    if not isinstance(found, type) or not issubclass(found, BaseException):
        yield Error(
            f"RINGMASTER['ERROR_KINDS'] names '{path}', which is no exception's class",
            hint="Name the class that agents raise, or one of its ancestors.",
            id="agents.E004",
        )
    elif not knows_name(found, path):
        own = f"{found.__module__}.{found.__qualname__}"
        yield Error(
            f"RINGMASTER['ERROR_KINDS'] names '{path}', but the class calls itself {own}",
            hint=f"Write '{own}'.",
            id="agents.E005",
        )


def check_models(**_: Any) -> list[CheckMessage]:
    """Refuse models that nobody knows the price of: no budget could hold for them, and no bill be foreseen."""
    try:
        models = get_conf().MODELS
    except ImproperlyConfigured:
        return []  # told by `check_settings`
    return [
        Error(
            f"RINGMASTER['MODELS']['{spec.name}']: nobody knows what {spec.address} costs",
            hint="Add 'price': {'input_usd_per_million': '0.10', 'output_usd_per_million': '0.40'}, with the "
            "provider's figures, or '0' for a server of your own.",
            id="agents.E006",
        )
        for spec in models.values()
        if not is_priced(spec)
    ]


def _warn_of_unknown(unknown: Sequence[str]) -> list[CheckMessage]:
    return [
        Warning(
            f"RINGMASTER['BREAKERS']['{name}']: no agent of this name is registered here",
            hint="`manage.py list_agents` shows those that are.",
            id="agents.W001",
        )
        for name in unknown
    ]


def check_pools(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse pools that nobody sized, and agents that ask for more than their pool has."""
    if "default" not in (databases or ()):
        return []
    try:
        return [fault for line in list_pools() if line.agents for fault in _find_faults(line)]
    except (DatabaseError, ImproperlyConfigured):
        return []  # a database that is away or not migrated yet, and wrong settings, are told elsewhere


def _find_faults(line: PoolLine) -> Iterator[CheckMessage]:
    if not line.is_set and line.name not in get_conf().POOLS:
        yield Error(
            f"agent {line.agents[0]}: nobody said how many slots the pool '{line.name}' has; "
            f"until then it has {DEFAULT_CAPACITY}",
            hint=f"Add '{line.name}' to RINGMASTER['POOLS'], or run `manage.py pools --set {line.name} NUMBER`.",
            id="agents.E002",
        )
    for name in line.agents:
        agent = catalogue.find(name)
        amount = agent.contract.pools.get(line.name, 0) if agent is not None else 0
        if amount > line.room.capacity:
            yield Error(
                f"agent {name} asks for {amount} slots of the pool '{line.name}', which has {line.room.capacity}: "
                "its steps can't start",
                hint=f"Run `manage.py pools --set {line.name} {amount}`, or let the agent ask for less.",
                id="agents.E003",
            )
