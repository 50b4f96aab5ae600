"""What the resources say: whole, in pages, and of the caller's projects only."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Func, TextField, Value
from django.test.utils import CaptureQueriesContext

from escalation.models import Ticket
from orchestration import runs
from orchestration.api import base as api_base
from orchestration.api import projects as api_projects
from orchestration.api import runs as api_runs
from orchestration.api.bodies import MOST_WAIT
from orchestration.api.schema import build_document
from orchestration.domain.events import EventKind
from orchestration.domain.states import RunStatus
from orchestration.models import ApiToken, Run
from orchestration.selectors import resources
from orchestration.selectors.progress import STATES
from orchestration.selectors.scope import find_projects
from orchestration.testing import drive
from tests.integration.api.people import Caller, make_key
from tests.integration.api.scene import AGENTS, LETTER, Scene, known_agents, play

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
LISTS = ("projects", "workflows", "runs", "events", "tickets")


@pytest.fixture
def viewer(callers: dict[str, Caller]) -> Caller:
    return callers["viewer"]


def _pages(caller: Caller, address: str) -> list[Any]:
    rows: list[Any] = []
    cursor = ""
    while True:
        page = caller.get(f"{V1}/{address}{cursor}").json()
        rows += page["results"]
        if page["next_cursor"] is None:
            return rows
        cursor = f"{'&' if '?' in address else '?'}cursor={page['next_cursor']}"


@pytest.mark.parametrize("name", ["stranger", "token:elsewhere"])
def test_lists_hold_nothing_of_a_foreign_project(scene: Scene, callers: dict[str, Caller], name: str) -> None:
    caller = callers[name]
    seen = {kind: caller.get(f"{V1}/{kind}").json()["results"] for kind in LISTS}
    assert [project["slug"] for project in seen.pop("projects")] == ["other"]
    assert seen == {"workflows": [], "runs": [], "events": [], "tickets": []}
    health = caller.get(f"{V1}/agents/test.writer/health").json()
    assert (health["attempts"], health["last_failures"]) == (0, [])


def test_a_member_sees_the_project_whole(scene: Scene, viewer: Caller) -> None:
    seen = {kind: viewer.get(f"{V1}/{kind}").json()["results"] for kind in LISTS}
    assert [(row["slug"], row["rights"]) for row in seen["projects"]] == [("desk", ["view"])]
    assert [row["name"] for row in seen["workflows"]] == ["desk", "letter"]
    assert [row["id"] for row in seen["runs"]] == [str(scene.done.pk), str(scene.held.pk)]
    assert [row["id"] for row in seen["tickets"]] == [scene.ticket.pk]


@pytest.mark.parametrize(("part", "field"), [("steps", "results"), ("plan", "steps")])
def test_a_runs_steps_are_read_at_once(scene: Scene, viewer: Caller, part: str, field: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        shown = viewer.get(f"{V1}/runs/{scene.done.pk}/{part}").json()
    assert [(row["key"], row["kind"], row["parent"]) for row in shown[field]] == [
        ("facts", "planned", None),
        ("draft", "planned", None),
        ("send", "planned", None),
    ]
    assert sum('FROM "orchestration_step"' in query["sql"] for query in queries) == 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("state=waiting", {"held"}),
        ("state=running", {"fresh"}),
        ("state=succeeded", {"done"}),
        ("state=cancelled", set()),
        ("status=running", {"held", "fresh"}),
        ("status=running&state=waiting", {"held"}),
        ("status=succeeded&state=waiting", set()),
        ("state=waiting&page_size=1", {"held"}),
    ],
)
def test_runs_are_narrowed_by_the_state_that_they_show(
    scene: Scene, viewer: Caller, asked: str, expected: set[str]
) -> None:
    fresh = runs.start("letter", {}, project="desk")
    made = {"held": scene.held.pk, "done": scene.done.pk, "fresh": fresh.pk}
    shown = {row["id"] for row in _pages(viewer, f"runs?{asked}")}
    assert shown == {str(made[name]) for name in expected}


def test_the_document_knows_every_state_that_runs_are_narrowed_by() -> None:
    parameters = build_document()["paths"]["/api/v1/runs"]["get"]["parameters"]
    known = {parameter["name"]: parameter for parameter in parameters}
    assert set(known["state"]["schema"]["enum"]) == set(STATES)
    assert set(known["status"]["schema"]["enum"]) == {str(status) for status in RunStatus}
    assert "`waiting`" in known["state"]["description"]


def test_a_run_shows_what_it_was_given_and_gave(scene: Scene, viewer: Caller) -> None:
    held = viewer.get(f"{V1}/runs/{scene.held.pk}").json()
    done = viewer.get(f"{V1}/runs/{scene.done.pk}").json()
    assert (held["status"], held["state"], held["is_final"]) == ("running", "waiting", False)
    assert held["steps"] == {"succeeded": 1, "held": 1, "pending": 1}
    assert (done["state"], done["is_final"], done["input"]) == ("succeeded", True, {"confidence": 0.9})
    assert done["outputs"] == {"send": {"sent": {"body": "Dear Ada"}}}


def test_waiting_ends_with_the_time_or_the_run(scene: Scene, viewer: Caller) -> None:
    held = viewer.get(f"{V1}/runs/{scene.held.pk}/wait?timeout_seconds=0").json()
    done = viewer.get(f"{V1}/runs/{scene.done.pk}/wait").json()
    assert (held["is_final"], done["is_final"]) == (False, True)


def test_only_so_many_wait_at_once(scene: Scene, viewer: Caller) -> None:
    taken = [api_runs._waiting.acquire(blocking=False) for _ in range(MOST_WAIT)]
    try:
        refused = viewer.get(f"{V1}/runs/{scene.done.pk}/wait")
    finally:
        for _ in taken:
            api_runs._waiting.release()
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (503, "unavailable", "2")
    assert viewer.get(f"{V1}/runs/{scene.done.pk}/wait").status_code == 200


def test_a_plan_shows_which_step_waits_for_which(scene: Scene, viewer: Caller) -> None:
    plan = viewer.get(f"{V1}/runs/{scene.done.pk}/plan").json()
    keys = {step["id"]: step["key"] for step in plan["steps"]}
    edges = [(keys[edge["predecessor"]], keys[edge["successor"]]) for edge in plan["edges"]]
    assert plan["is_complete"] is True
    assert edges == [("facts", "draft"), ("draft", "send")]


@pytest.mark.parametrize(("steps", "edges", "parts"), [(1, 100, 3), (2, 100, 2), (2_000, 1, 2), (3, 2, 1)])
def test_a_plan_that_is_too_large_for_one_answer_comes_in_parts(
    scene: Scene, viewer: Caller, monkeypatch: pytest.MonkeyPatch, steps: int, edges: int, parts: int
) -> None:
    whole = viewer.get(f"{V1}/runs/{scene.done.pk}/plan").json()
    assert (whole["is_complete"], whole["next_cursor"], len(whole["steps"])) == (True, None, 3)
    monkeypatch.setattr(resources, "MOST_DRAWN_STEPS", steps)
    monkeypatch.setattr(resources, "MOST_DRAWN_EDGES", edges)
    seen = [viewer.get(f"{V1}/runs/{scene.done.pk}/plan").json()]
    while seen[-1]["next_cursor"]:
        seen.append(viewer.get(f"{V1}/runs/{scene.done.pk}/plan?cursor={seen[-1]['next_cursor']}").json())
    assert len(seen) == parts
    assert [step for part in seen for step in part["steps"]] == whole["steps"]
    assert sorted(edge["successor"] for part in seen for edge in part["edges"]) == sorted(
        edge["successor"] for edge in whole["edges"]
    )
    assert all(part["is_complete"] is (parts == 1) for part in seen)


def test_a_plan_s_cursor_that_is_none_is_refused(scene: Scene, viewer: Caller) -> None:
    for cursor in ("x", "WzEsMl0x", "W10", "%ff"):
        answer = viewer.get(f"{V1}/runs/{scene.done.pk}/plan?cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")


def test_the_history_is_narrowed_by_every_kind(scene: Scene, viewer: Caller) -> None:
    root = f"{V1}/runs/{scene.done.pk}/events"
    kinds = [row["kind"] for row in viewer.get(root).json()["results"]]
    for kind in EventKind:
        found = viewer.get(f"{root}?kind={kind}").json()["results"]
        assert [row["kind"] for row in found] == [known for known in kinds if known == kind]


def test_the_trace_of_a_run(scene: Scene, viewer: Caller) -> None:
    root = f"{V1}/runs/{scene.done.pk}"
    seen = {
        kind: viewer.get(f"{root}/{kind}").json()["results"]
        for kind in ("steps", "attempts", "decisions", "handoffs", "calls", "events")
    }
    assert [step["key"] for step in seen["steps"]] == ["facts", "draft", "send"]
    assert [attempt["outcome"] for attempt in seen["attempts"]] == ["answered"] * 3
    assert [decision["kind"] for decision in seen["decisions"]] == ["accept"] * 3
    assert len(seen["handoffs"]) == 2
    assert seen["events"][-1]["kind"] == "run_closed"
    [call] = seen["calls"]
    assert (call["path"], call["step_key"], call["state"]) == ("look up#1", "facts", "done")
    assert [each["state"] for each in call["tries"]] == ["done"]
    assert viewer.get(f"{V1}/steps/{seen['steps'][0]['id']}/calls").json()["results"] == [call]
    told = viewer.get(f"{V1}/calls/{call['id']}").json()
    assert (told["request"], told["response"], told["hidden"]) == ("[]", '{"order":7}', None)
    step = viewer.get(f"{V1}/steps/{seen['steps'][1]['id']}").json()
    assert (step["output"], step["child_runs"]) == ({"body": "Dear Ada"}, [])


def test_the_lineage_of_a_run_is_one_list(scene: Scene, viewer: Caller) -> None:
    root = f"runs/{scene.done.pk}"
    whole = _pages(viewer, f"{root}/lineage")
    assert [row["at"] for row in whole] == sorted(row["at"] for row in whole)
    ids = [f"event-{row['id']}" for row in _pages(viewer, f"{root}/events")]
    assert [row["id"] for row in whole if row["kind"] == "event"] == ids
    assert {row["kind"] for row in whole} == {"event", "decision", "handoff", "call"}
    assert {row["run"] for row in whole} == {str(scene.done.pk)}
    assert _pages(viewer, f"{root}/lineage?page_size=2") == whole
    middle = whole[len(whole) // 2]["at"]
    late = _pages(viewer, f"{root}/lineage?since={middle}")
    assert late == [row for row in whole if row["at"] >= middle]
    calls = _pages(viewer, f"{root}/lineage?kind=call")
    assert [(row["step_key"], row["name"], row["data"]["state"]) for row in calls] == [
        ("facts", "look up#1", "done")
    ]
    assert viewer.get(f"{V1}/{root}/lineage?kind=none").status_code == 400
    assert [row["words"] for row in calls] == ["called look up#1, try 1: done"]
    assert _pages(viewer, f"{root}/lineage?text=LOOK%20UP") == calls


def test_pages_follow_each_other_whatever_is_added(scene: Scene, viewer: Caller) -> None:
    whole = _pages(viewer, f"events?run={scene.done.pk}")
    first = viewer.get(f"{V1}/events?run={scene.done.pk}&page_size=3").json()
    play("desk", 0.9)
    cursor, rows = first["next_cursor"], list(first["results"])
    while cursor:
        page = viewer.get(f"{V1}/events?run={scene.done.pk}&page_size=3&cursor={cursor}").json()
        rows, cursor = rows + page["results"], page["next_cursor"]
    assert len(whole) > 6
    assert rows == whole
    assert len(_pages(viewer, "runs?page_size=1")) == 3


def test_versions_are_paged_in_their_project(scene: Scene, viewer: Caller) -> None:
    with known_agents():
        runs.publish(replace(LETTER, description="a letter"), project=scene.project.slug)
    rows = _pages(viewer, "workflows/letter/versions?project=desk&page_size=1")
    assert [row["version"] for row in rows] == [2, 1]


def test_filters_narrow(scene: Scene, viewer: Caller) -> None:
    assert [r["id"] for r in _pages(viewer, "runs?status=running")] == [str(scene.held.pk)]
    assert _pages(viewer, "runs?workflow=other") == []
    assert {e["kind"] for e in _pages(viewer, "events?kind=step_held")} == {"step_held"}
    assert len(_pages(viewer, f"events?agent=test.writer&run={scene.done.pk}")) > 0
    assert _pages(viewer, "events?before=2001-01-01T00:00:00Z") == []
    assert _pages(viewer, "tickets?status=resolved") == []
    assert [t["id"] for t in _pages(viewer, f"tickets?run={scene.held.pk}")] == [scene.ticket.pk]


def test_the_number_of_queries_does_not_grow_with_the_page(scene: Scene, viewer: Caller) -> None:
    def count(kind: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert viewer.get(f"{V1}/{kind}").status_code == 200
        return len(queries)

    before = {kind: count(kind) for kind in LISTS}
    play("desk", 0.5), play("desk", 0.5)
    assert {kind: count(kind) for kind in LISTS} == before


def test_a_list_that_takes_too_long_is_stopped(viewer: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    nap = Func(Value(30), function="pg_sleep", output_field=TextField())
    monkeypatch.setattr(api_base, "LIST_SECONDS", 0.05)
    monkeypatch.setattr(api_projects, "find_projects", lambda caller: find_projects(caller).annotate(nap=nap))
    refused = viewer.get(f"{V1}/projects")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "narrow it" in refused.json()["detail"]


def test_a_batch_starts_what_it_can_and_says_what_it_could_not(
    scene: Scene, callers: dict[str, Caller]
) -> None:
    good = {"workflow": "letter", "project": "desk", "idempotency_key": "one"}
    body = {"runs": [good, {**good, "workflow": "none"}, {**good, "project": "other"}, good]}
    results = callers["operator"].post(f"{V1}/runs/batch", body).json()["results"]
    assert [item["problem"] and item["problem"]["code"] for item in results] == [
        None,
        "workflow_not_found",
        "project_not_found",
        None,
    ]
    assert results[0]["run"]["id"] == results[3]["run"]["id"]
    assert Run.objects.filter(idempotency_key="one").count() == 1


def test_a_run_names_who_asked_for_it(callers: dict[str, Caller]) -> None:
    body = {"workflow": "letter", "project": "desk"}
    assert callers["token:run"].post(f"{V1}/runs", body).json()["requested_by"] == "admin"


def test_orders_move_a_run_and_name_the_reason(scene: Scene, callers: dict[str, Caller]) -> None:
    root, operator = f"{V1}/runs/{scene.held.pk}", callers["operator"]
    assert operator.post(f"{root}/pause", {}).json()["status"] == "paused"
    assert operator.post(f"{root}/resume").json()["status"] == "running"
    cancelled = operator.post(f"{root}/cancel", {"reason": "sent twice"}).json()
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "sent twice")
    assert operator.post(f"{root}/retry").json()["round"] == 2
    fork = operator.post(f"{root}/fork", {"from_step": "draft"}, **{"Idempotency-Key": "f"}).json()
    assert (fork["forked_from"], fork["forked_from_step"]) == (str(scene.held.pk), "draft")


def test_a_ticket_is_claimed_by_one_and_decided_once(scene: Scene, callers: dict[str, Caller]) -> None:
    root, reviewer, admin = f"{V1}/tickets/{scene.ticket.pk}", callers["reviewer"], callers["admin"]
    claim = reviewer.post(f"{root}/claim").json()
    taken = admin.post(f"{root}/claim")
    assert (taken.status_code, taken.json()["code"], taken.json()["holder"]) == (
        409,
        "ticket_taken",
        "reviewer",
    )
    decision = {"resolution": "edit", "claim_number": claim["claim_number"], "output": {"body": "Better"}}
    stale = reviewer.post(f"{root}/resolve", {**decision, "seen_digest": "0" * 64})
    assert (stale.status_code, stale.json()["code"]) == (409, "resolution_stale")
    resolved = reviewer.post(f"{root}/resolve", {**decision, "seen_digest": claim["seen_digest"]})
    assert (resolved.status_code, resolved.json()["output"]) == (200, {"body": "Better"})
    again = reviewer.post(f"{root}/resolve", {**decision, "seen_digest": claim["seen_digest"]})
    assert again.json() == resolved.json()


def test_who_asked_for_a_run_may_not_approve_it(scene: Scene, callers: dict[str, Caller]) -> None:
    admin = callers["admin"]
    assert admin.user is not None
    with known_agents():
        run = runs.start("letter", {"confidence": 0.5}, project="desk", requested_by=admin.user)
    drive(run.pk, agents=AGENTS)
    ticket = Ticket.objects.get(run=run.pk)
    body = {"resolution": "approve", "claim_number": 1, "seen_digest": ticket.seen_digest}
    for verb, sent in (("claim", None), ("resolve", body)):
        refused = admin.post(f"{V1}/tickets/{ticket.pk}/{verb}", sent)
        assert (refused.status_code, refused.json()["code"]) == (403, "own_request")


def test_a_token_s_key_is_shown_once_and_kept_as_a_hash(viewer: Caller) -> None:
    made = viewer.post(f"{V1}/tokens", {"name": "mine", "scopes": ["read"], "days": 1}).json()
    listed = viewer.get(f"{V1}/tokens").json()["results"]
    assert [row["id"] for row in listed] == [made["id"]]
    assert "key" not in listed[0]
    stored = ApiToken.objects.get(public_id=made["id"])
    assert made["key"] not in (stored.digest, stored.token_key)
    assert Caller("program", viewer.user, made["key"]).get(f"{V1}/runs").status_code == 200
    assert viewer.call("DELETE", f"{V1}/tokens/{made['id']}").status_code == 204
    assert Caller("program", viewer.user, made["key"]).get(f"{V1}/runs").status_code == 401


def test_nobody_sees_or_revokes_another_s_token(callers: dict[str, Caller], viewer: Caller) -> None:
    admins = callers["admin"].get(f"{V1}/tokens").json()["results"]
    assert len(admins) == 4
    assert viewer.get(f"{V1}/tokens").json()["results"] == []
    assert viewer.call("DELETE", f"{V1}/tokens/{admins[0]['id']}").status_code == 404


@pytest.mark.parametrize(
    "wish",
    [{"scopes": ["read"]}, {"scopes": ["admin"], "days": 30}, {"scopes": ["admin", "run"]}],
    ids=["another scope", "longer", "more scopes"],
)
def test_a_token_makes_none_that_is_good_for_more(callers: dict[str, Caller], wish: dict[str, Any]) -> None:
    refused = callers["token:admin"].post(f"{V1}/tokens", {"name": "more", "days": 1, **wish})
    assert (refused.status_code, refused.json()["code"]) == (403, "token_refused")


def test_a_token_of_one_project_makes_none_of_another(callers: dict[str, Caller]) -> None:
    body = {"name": "more", "days": 1, "scopes": ["read"]}
    refused = callers["token:elsewhere"].post(f"{V1}/tokens", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "token_refused")


def test_an_expired_token_and_one_of_a_person_who_left_open_nothing(viewer: Caller) -> None:
    assert viewer.user is not None
    key = make_key(viewer.user, "read")
    program = Caller("program", viewer.user, key)
    assert program.get(f"{V1}/runs").status_code == 200
    User.objects.filter(pk=viewer.user.pk).update(is_active=False)
    assert program.get(f"{V1}/runs").status_code == 401
    User.objects.filter(pk=viewer.user.pk).update(is_active=True)
    ApiToken.objects.update(expiry="2001-01-01T00:00:00Z")
    assert program.get(f"{V1}/runs").status_code == 401


def test_a_superuser_s_token_of_one_project_opens_that_one_only(scene: Scene) -> None:
    root = User.objects.create_superuser("root")
    program = Caller("program", root, make_key(root, "read", project=scene.other))
    assert program.get(f"{V1}/runs/{scene.held.pk}").status_code == 404
    assert [row["slug"] for row in program.get(f"{V1}/projects").json()["results"]] == ["other"]


def test_the_page_of_the_document_loads_nothing_from_elsewhere(client: Any) -> None:
    page = client.get("/api/docs")
    text = page.content.decode()
    assert page.status_code == 200
    assert "<script>" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert client.get("/api/schema").json()["openapi"].startswith("3.1")
