"""What is dead, stuck or waits for something that does not come is said where people look."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from agents import Task, TransientError
from agents.models import Breaker, Pool
from orchestration import Retry, StepSpec, WorkflowSpec
from orchestration.models import Lead, Run, Step, WorkerProcess
from orchestration.presence import leave_lead, note_lead
from orchestration.selectors.leads import find_leadership
from tests.integration.agents.admission.scenes import fail, state_of
from tests.integration.orchestration.bench import Bench
from tests.integration.orchestration_admin.conftest import text_of
from tests.integration.orchestration_admin.test_workflows_and_workers import WORKERS, _worker
from tests.people import make_member

pytestmark = pytest.mark.django_db
RUNS = "/admin/orchestration/run/"
RETRYING = WorkflowSpec(
    name="retrying", steps=(StepSpec("call", agent="test.facts", retry=Retry(backoff_base_seconds=600.0)),)
)


def _lead(*, silent_seconds: float = 0) -> None:
    connection.ensure_connection()
    note_lead(connection.connection, "desk", 42)
    Lead.objects.update(swept_at=Now() - timedelta(seconds=silent_seconds))


def _fail(_task: Task) -> Any:
    raise TransientError("not now")


def _fail_once(*, due_seconds_ago: float) -> Run:
    process = WorkerProcess.objects.create(
        name="w", host="h", pid=1, queues=["steps"], agents=["test.facts"], concurrency=1
    )
    bench = Bench(process.pk, {"test.facts": _fail})
    run = bench.start(RETRYING)
    bench.perform(run.steps.get())
    Step.objects.filter(run=run).update(due_at=Now() - timedelta(seconds=due_seconds_ago))
    return run


def test_who_leads_is_known_since_when() -> None:
    assert find_leadership().trouble.startswith("No maintainer has worked so far:")
    _lead()
    first = find_leadership()
    assert (first.leads, first.where, first.trouble) == (True, "desk, pid 42", "")
    _lead(silent_seconds=14)
    assert find_leadership().since == first.since
    _lead(silent_seconds=16)
    gone = find_leadership()
    assert not gone.leads
    assert "(desk, pid 42)" in gone.trouble
    assert gone.trouble.endswith("Start `manage.py maintain`.")


def test_who_stopped_in_order_leads_no_more() -> None:
    _lead()
    leave_lead(connection.connection, "desk", 43)
    assert find_leadership().leads
    leave_lead(connection.connection, "desk", 42)
    assert not find_leadership().leads
    _lead()
    assert find_leadership().leads


def test_a_list_of_workers_and_of_runs_says_that_nobody_maintains(operator: Client) -> None:
    for address in (WORKERS, RUNS):
        assert "No maintainer has worked so far" in text_of(operator.get(address))
    _lead()
    for address in (WORKERS, RUNS):
        assert "No maintainer" not in text_of(operator.get(address))


def test_a_blocked_and_a_hung_worker_are_not_shown_as_well(operator: Client) -> None:
    blocked = _worker("blocked@box", blocked_at=Now() - timedelta(seconds=40), blocked_by=501)
    hung = _worker("hung@box", hung=3, busy=2)
    free = _worker("free@box", blocked_at=Now() - timedelta(seconds=40), blocked_until=Now(), blocked_by=501)
    text = text_of(operator.get(WORKERS))
    assert 'rm-chip rm-blocked">blocked' in text
    assert 'rm-chip rm-hung">hung' in text
    assert "2/8, 3 hung" in text
    assert "step 501 has held its interpreter for 40 s" in text_of(
        operator.get(f"{WORKERS}{blocked.pk}/change/")
    )
    assert "3 of its threads hang" in text_of(operator.get(f"{WORKERS}{hung.pk}/change/"))
    assert "Alive: last beat" in text_of(operator.get(f"{WORKERS}{free.pk}/change/"))


@pytest.mark.parametrize(
    ("agents", "shown"), [(["", "a.b"], '<span title="a.b">a.b</span>'), ([""], '<span title="">-</span>')]
)
def test_no_agent_without_a_name_is_listed(operator: Client, agents: list[str], shown: str) -> None:
    process = _worker("bare@box", agents=agents)
    assert shown in text_of(operator.get(WORKERS))
    page = text_of(operator.get(f"{WORKERS}{process.pk}/change/"))
    assert f"<dt>Agents</dt><dd>{'a.b' if len(agents) > 1 else '-'}</dd>" in page


def test_a_due_try_does_not_start_in_a_moment_when_nobody_maintains(operator: Client) -> None:
    run = _fail_once(due_seconds_ago=180)
    page = text_of(operator.get(f"{RUNS}{run.pk}/change/"))
    assert "the next one was due 3 min ago and waits for a maintainer" in page
    assert "No maintainer has worked so far" in page
    _lead()
    page = text_of(operator.get(f"{RUNS}{run.pk}/change/"))
    assert "the next one starts in a moment" in page
    assert "No maintainer" not in page


def test_a_try_that_is_not_due_waits_for_nobody(operator: Client) -> None:
    run = _fail_once(due_seconds_ago=-120.5)
    page = text_of(operator.get(f"{RUNS}{run.pk}/change/"))
    assert "the next one starts in 1 min 59 s" in page or "the next one starts in 2 min" in page
    assert "No maintainer" not in page


def test_show_run_says_it_too() -> None:
    run = _fail_once(due_seconds_ago=180)
    assert "next: No maintainer has worked so far" in _say("show_run", str(run.pk))
    _lead()
    assert "No maintainer" not in _say("show_run", str(run.pk))
    assert json.loads(_say("show_run", str(run.pk), "--json"))["next"].startswith("nothing to do but wait")


def test_health_of_a_maintainer() -> None:
    assert _ask("maintain")[0] == 1
    _lead()
    code, said = _ask("maintain")
    assert (code, said.startswith("A maintainer leads: desk, pid 42, since ")) == (0, True)
    _lead(silent_seconds=60)
    code, said = _ask("maintain")
    assert (code, said.strip().endswith("Start `manage.py maintain`.")) == (1, True)


def test_health_of_workers_by_name_and_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    assert _ask("worker") == (1, "No worker on box beats: start it again; its log says why it ended.\n")
    _worker("steps@box")
    _worker("isolated@box/0")
    _worker("isolated@box/1", silent_seconds=14)
    _worker("steps@box.de", host="other", silent_seconds=20)
    assert _ask("worker") == (0, "The worker on box beats: 2 alive, 1 late.\n")
    assert _ask("worker", "--name", "isolated@box") == (
        0,
        "The worker isolated@box beats: 1 alive, 1 late.\n",
    )
    assert _ask("worker", "--name", "steps@box") == (0, "The worker steps@box beats: 1 alive.\n")
    assert _ask("worker", "--name", "steps@box.de")[0] == 1
    assert _ask("worker", "--name", "steps@bo.")[0] == 1
    WorkerProcess.objects.filter(name="steps@box").update(hung=2)
    assert _ask("worker", "--name", "steps@box") == (0, "The worker steps@box beats: 1 hung.\n")


def _say(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def _ask(*words: str) -> tuple[int, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("health", *words, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(str(ended.code)), err.getvalue()
    return 0, out.getvalue()


@pytest.mark.parametrize(
    ("role", "allowed"), [("operator", True), ("admin", True), ("viewer", False), ("reviewer", False)]
)
def test_who_runs_things_may_see_breakers_and_pools(role: str, allowed: bool) -> None:
    client = Client()
    client.force_login(make_member("mona", role))
    for model in ("breaker", "pool"):
        assert client.get(f"/admin/agents/{model}/").status_code == (200 if allowed else 403)
    assert ("/admin/agents/breaker/" in text_of(client.get(RUNS))) is allowed


def test_an_operator_closes_a_breaker_and_sizes_no_pool(operator: Client) -> None:
    fail("crm.history", 6)
    assert operator.post("/admin/agents/breaker/crm.history/reset/").status_code == 302
    assert state_of("crm.history") == "closed"
    assert Breaker.objects.get().state == "closed"
    Pool.objects.create(name="gpu", size=2)
    operator.post("/admin/agents/pool/gpu/change/", {"size": 9})
    assert Pool.objects.get().size == 2
