"""A program of an operator's that talks to the web process."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestration.domain.rights import Scope
from orchestration.models import ApiToken
from tests.people import make_member


@dataclass(frozen=True, slots=True)
class Answer:
    """What the web process said: JSON where it is some."""

    status: int
    said: Any


def make_key(name: str, role: str, *scopes: Scope) -> str:
    """Make somebody with a role, and return the key of a token of theirs."""
    _, key = ApiToken.objects.create(
        user=make_member(name, role),
        expiry=timedelta(hours=1),
        name="visitor",
        scopes=[scope.value for scope in scopes],
    )
    return str(key)


class Visitor:
    """Asks with a token; without one, with that of an operator who is made for it."""

    def __init__(self, address: str, key: str = "") -> None:
        """Take the key of a token."""
        self.key = key or make_key("olga", "operator", Scope.READ, Scope.RUN)
        self._address = address

    def start(self, workflow: str) -> Answer:
        """Start a run."""
        return self.ask("POST", "/api/v1/runs", {"workflow": workflow})

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request and return the answer, whatever it is."""
        request = urllib.request.Request(  # noqa: S310 - our own local address
            self._address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return Answer(answer.status, _read(answer.read()))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, _read(refusal.read()))


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
