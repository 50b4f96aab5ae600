"""Everybody who may come to the API: nobody, people in each role, and tokens of each scope."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from orchestration.domain.rights import Role, Scope
from orchestration.models import ApiToken, Project
from tests.people import make_member

ROLES = [role.value for role in Role]
TOKENS = [f"token:{scope.value}" for scope in Scope]
CALLERS = ["anonymous", "outsider", "stranger", *ROLES, *TOKENS, "token:elsewhere"]
"""Outsider: a member of nothing. Stranger: admin of another project. Tokens: of the project's admin."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a way to call."""

    name: str
    user: User | None = None
    key: str | None = None

    def call(self, method: str, address: str, body: Any = None, **headers: str) -> Any:
        """Send a request as a program would."""
        client = Client(raise_request_exception=False)
        if self.user is not None and self.key is None:
            client.force_login(self.user)
        if self.key is not None:
            headers["Authorization"] = f"Token {self.key}"
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"content_type": "application/json"} if body is not None else {}
        return client.generic(method, address, data, headers=headers, **kind)  # type: ignore[arg-type]

    def get(self, address: str) -> Any:
        return self.call("GET", address)

    def post(self, address: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", address, body, **headers)


def make_key(owner: User, *scopes: str, project: Project | None = None) -> str:
    """Make a token and return its key."""
    _, key = ApiToken.objects.create(
        user=owner, expiry=timedelta(days=2), name="test", scopes=list(scopes), project=project
    )
    return str(key)


def make_callers(project: Project, other: Project) -> dict[str, Caller]:
    """Return everybody by name."""
    people = {role: Caller(role, make_member(role, role, project.slug)) for role in ROLES}
    admin = people["admin"].user
    assert admin is not None
    tokens = {f"token:{s}": Caller(f"token:{s}", admin, make_key(admin, s)) for s in Scope}
    both = make_member("both", "admin", other.slug)
    both.groups.add(*admin.groups.all())
    elsewhere = make_key(both, *Scope, project=other)
    callers = {
        "anonymous": Caller("anonymous"),
        "outsider": Caller("outsider", User.objects.create_user("outsider", is_staff=True)),
        "stranger": Caller("stranger", make_member("stranger", "admin", other.slug)),
        **people,
        **tokens,
        "token:elsewhere": Caller("token:elsewhere", both, elsewhere),
    }
    assert list(callers) == CALLERS
    return callers
