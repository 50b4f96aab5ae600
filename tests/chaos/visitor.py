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


class Visitor:
    """Asks with the token of an operator."""

    def __init__(self, address: str) -> None:
        """Make the operator."""
        owner = make_member("olga", "operator")
        scopes = [Scope.READ.value, Scope.RUN.value]
        _, self._key = ApiToken.objects.create(
            user=owner, expiry=timedelta(hours=1), name="visitor", scopes=scopes
        )
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
            headers={"Authorization": f"Token {self._key}", "Content-Type": "application/json"},
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
