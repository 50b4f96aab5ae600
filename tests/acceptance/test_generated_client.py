"""A program written from the OpenAPI document alone starts a run, follows it, decides its ticket, sees its end."""

import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from django.contrib.auth.models import User

from orchestration import WorkflowSpec
from orchestration.api.schema import build_document
from orchestration.domain.spec import dump_spec
from orchestration.models import ApiToken
from tests.chaos.arena import Arena
from tests.chaos.specs import step
from tests.conftest import start_web
from tests.people import make_member
from tests.processes import wait_for

SPEC = WorkflowSpec(
    name="asks", steps=(step("unsure", agent="crash.unsure"), step("after", ["unsure"], agent="crash.step"))
)
_PACKAGE = "ringmaster_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The client that a generator makes of the document."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "document.json").write_text(json.dumps(build_document()), encoding="utf-8")
    (folder / "config.yml").write_text("post_hooks: []", encoding="utf-8")
    generator = Path(sys.executable).parent / "openapi-python-client"
    made = subprocess.run(
        [
            *(generator, "generate", "--fail-on-warning", "--meta", "none"),
            *("--path", folder / "document.json", "--output-path", folder / _PACKAGE),
            *("--config", folder / "config.yml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module(_PACKAGE)
    sys.path.remove(str(folder))


class Program:
    """A person's program: the generated client with their token."""

    def __init__(self, package: ModuleType, address: str, owner: User, *scopes: str) -> None:
        _, key = ApiToken.objects.create(
            user=owner, expiry=timedelta(hours=1), name="program", scopes=list(scopes)
        )
        self.name = owner.username
        self.client = package.AuthenticatedClient(base_url=address, token=key, prefix="Token", timeout=60)

    def ask(self, operation: str, *path: Any, body: dict[str, Any] | None = None, **parameters: Any) -> Any:
        """Call an operation of the document, as `area.name`; return what the client made of the answer."""
        function = importlib.import_module(f"{_PACKAGE}.api.{operation}")
        if body is not None:
            kind = function._get_kwargs.__annotations__["body"]
            parameters["body"] = (*get_args(kind), kind)[0].from_dict(body)
        return function.sync(*path, client=self.client, **parameters)

    def follow(self, run_id: Any, lines: list[str]) -> threading.Thread:
        """Collect the lines of a run's stream until it ends."""

        def read() -> None:
            stream = self.client.get_httpx_client().stream("GET", f"/api/v1/runs/{run_id}/stream")
            with stream as answer:
                lines.extend(answer.iter_lines())

        thread = threading.Thread(target=read)
        thread.start()
        return thread


@pytest.fixture
def connect(arena: Arena, generated: ModuleType) -> Iterator[Callable[..., Program]]:
    """Start a worker and the web process; connect people's programs to it."""
    arena.worker()
    address = start_web(arena.starter, **arena.env)
    programs: list[Program] = []

    def connect(name: str, role: str, *scopes: str) -> Program:
        programs.append(Program(generated, address, make_member(name, role), *scopes))
        return programs[-1]

    yield connect
    for program in programs:
        program.client.get_httpx_client().close()


def test_a_generated_client_starts_follows_decides_and_sees_the_end(connect: Callable[..., Program]) -> None:
    admin = connect("ada", "admin", "admin")
    operator = connect("olga", "operator", "read", "run")
    reviewer = connect("rita", "reviewer", "read", "review")
    rival = connect("rolf", "reviewer", "read", "review")

    published = admin.ask("workflows.publish_workflow", body={"spec": dump_spec(SPEC)})
    started = operator.ask("runs.start_run", body={"workflow": "asks"}, idempotency_key="mail-17")
    again = operator.ask("runs.start_run", body={"workflow": "asks"}, idempotency_key="mail-17")
    lines: list[str] = []
    listener = operator.follow(started.id, lines)
    ticket = _wait_for_ticket(reviewer, started.id)
    claimed = reviewer.ask("tickets.claim_ticket", ticket.id)
    taken = rival.ask("tickets.claim_ticket", ticket.id)
    decision = {
        "resolution": "approve",
        "claim_number": claimed.claim_number,
        "seen_digest": claimed.seen_digest,
    }
    stale = reviewer.ask("tickets.resolve_ticket", ticket.id, body={**decision, "seen_digest": "0" * 64})
    resolved = reviewer.ask("tickets.resolve_ticket", ticket.id, body=decision)
    ended = operator.ask("runs.wait_for_run", started.id, timeout_seconds=60)
    listener.join(timeout=60)

    assert (published.is_new, published.version) == (True, 1)
    assert again.id == started.id
    assert (taken.code, taken.holder) == ("ticket_taken", "rita")
    assert stale.code == "resolution_stale"
    assert (resolved.resolution, resolved.resolved_by) == ("approve", "rita")
    assert (ended.is_final, ended.status, ended.state) == (True, "succeeded", "succeeded")
    assert ended.outputs.to_dict()["after"]["step"] == "after"
    assert not listener.is_alive()
    assert "event: end" in lines
    assert any("step_held" in line for line in lines)


def _wait_for_ticket(reviewer: Program, run_id: Any) -> Any:
    found: list[Any] = []

    def look() -> bool:
        found[:] = reviewer.ask("tickets.list_tickets", run=run_id).results
        return bool(found)

    wait_for(look, seconds=60, what="a ticket of the run")
    return found[0]
