"""The guide to the API runs as it is written: its commands, in order, against this code."""

import json
import re
import shlex
from string import Template
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from escalation.models import Ticket
from orchestration import runs
from orchestration.models import Run
from orchestration.testing import run_workflow
from tests.architecture.sources import PROJECT_DIR
from tests.integration.api.scene import AGENTS, LETTER
from tests.people import make_member

pytestmark = pytest.mark.django_db

_PAGE = (PROJECT_DIR / "docs" / "howto" / "use-the-api.md").read_text(encoding="utf-8")
_LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if "openapi" not in line and "api/schema" not in line
]
_ASSIGNMENT = re.compile(r"export (\w+)=(.*)")
_ASKED = re.compile(r"\$\((.*?)(?:\s*\| python -c '.*\[\"(\w+)\"\]\)')?\)")


def _curl(words: list[str], client: Client) -> Any:
    """Send what curl would send; the answer must be a success."""
    method, address, data, headers = "GET", "", "", {}
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            method, data = "POST", next(rest)
        elif word != "-s":
            address = word.removeprefix("http://127.0.0.1:8000")
    kind = headers.pop("Content-Type", "application/octet-stream")
    answer = client.generic(method, address, data, content_type=kind, headers=headers)
    assert answer.status_code < 300, (words, answer.content)
    return answer.json()


def _run(line: str, known: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Any:
    words = shlex.split(Template(line).substitute(known))
    if words[:2] == ["python", "manage.py"]:
        call_command(*words[2:])
        return capsys.readouterr().out.strip()
    return _curl(words, Client())


def _obey(line: str, known: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assignment = _ASSIGNMENT.fullmatch(line)
    if assignment is None:
        _run(line, known, capsys)
        return
    name, value = assignment.groups()
    if name in known:
        return  # the number of a ticket, which the test knows better
    asked = _ASKED.fullmatch(value)
    if asked is None:
        known[name] = value
    else:
        answer = _run(asked[1], known, capsys)
        known[name] = str(answer[asked[2]]) if asked[2] else answer


def test_the_guide_s_commands_do_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    admin = make_member("admin", "operator")
    admin.groups.add(*make_member("a colleague", "reviewer").groups.all())
    runs.publish_code_specs()
    held = run_workflow(LETTER, {}, agents=AGENTS)
    ticket = Ticket.objects.get(run=held.run)
    known = {"TICKET": str(ticket.pk)}

    for line in _LINES:
        _obey(line, known, capsys)
        if "RUN" in known and not Run.objects.filter(status="cancelled").exists():
            runs.cancel(known["RUN"])  # or the next line would wait for a worker

    assert json.loads(Run.objects.get(pk=known["RUN"]).input_json)["customer"] == "mira_okafor"
    ticket.refresh_from_db()
    assert (ticket.status, ticket.resolution, ticket.resolved_by) == ("resolved", "approve", admin)
    assert len(_LINES) >= 8
