"""What this process tells of its agents; built anew only when something about them has changed."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Final

from agents.domain.catalogue import catalogue
from agents.domain.contract import AgentKind
from agents.domain.offers import Build, describe_contract, write_offers
from agents.runtimes.model.builds import builds


class _Told:
    """The latest text, and of what it was made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: object = None
        self._text = ""

    def read(self, queues: frozenset[str]) -> str:
        with self._lock:
            now = (queues, catalogue.answers(), builds.count_changes())
            if now != self._of:
                self._text = write_offers(
                    describe_contract(contract, _find_build(contract.name, contract.kind))
                    for contract in catalogue.contracts()
                    if contract.queue in queues
                )
                self._of = now
            return self._text


_TOLD: Final = _Told()


def describe_offers(queues: Collection[str]) -> str:
    """Return as JSON what a worker that reads these queues tells of its agents."""
    return _TOLD.read(frozenset(queues))


def _find_build(name: str, kind: AgentKind) -> Build | None:
    return builds.find_build(name) if kind is AgentKind.MODEL else None
