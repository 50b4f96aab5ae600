"""Who may do what: every address, method and caller of the API, with the answer that each must get.

A new address fails here until its line stands in the table.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from escalation.escrow import claim_ticket, pause_ticket
from orchestration.api import access
from orchestration.domain.spec import dump_spec
from orchestration.models import ApiToken, Project
from orchestration.selectors import scope
from tests.integration.api.people import CALLERS, Caller, make_key
from tests.integration.api.scene import LETTER, Scene

pytestmark = pytest.mark.django_db

_HEAD = (
    "anonymous outsider stranger viewer operator reviewer admin "
    "token:read token:run token:review token:admin token:elsewhere"
)
_TABLE = """
GET    projects                              401 403 200 200 200 200 200 200 403 403 403 200
GET    projects/<project>                    401 403 404 200 200 200 200 200 403 403 403 404
GET    workflows                             401 403 200 200 200 200 200 200 403 403 403 200
POST   workflows                             401 403 404 403 403 403 201 403 403 403 201 404
POST   workflows/validate                    401 403 404 200 200 200 200 200 403 403 403 404
GET    workflows/<workflow>/versions         401 403 404 200 200 200 200 200 403 403 403 404
GET    workflows/<workflow>/versions/<version> 401 403 404 200 200 200 200 200 403 403 403 404
GET    runs                                  401 403 200 200 200 200 200 200 403 403 403 200
POST   runs                                  401 403 404 403 201 403 201 403 201 403 403 404
POST   runs/batch                            401 403 200 200 200 200 200 403 200 403 403 200
GET    runs/<run_id>                         401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/plan                    401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/wait                    401 403 404 200 200 200 200 200 403 403 403 404
POST   runs/<run_id>/cancel                  401 403 404 403 200 403 200 403 200 403 403 404
POST   runs/<run_id>/finish                  401 403 404 403 200 403 200 403 200 403 403 404
POST   runs/<run_id>/pause                   401 403 404 403 200 403 200 403 200 403 403 404
POST   runs/<run_id>/resume                  401 403 404 403 200 403 200 403 200 403 403 404
POST   runs/<run_id>/retry                   401 403 404 403 409 403 409 403 409 403 403 404
POST   runs/<run_id>/fork                    401 403 404 403 201 403 201 403 201 403 403 404
GET    runs/<run_id>/stream                  401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/steps                   401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/attempts                401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/decisions               401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/handoffs                401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/calls                   401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/signals                 401 403 404 200 200 200 200 200 403 403 403 404
POST   runs/<run_id>/signals/<name>          401 403 404 403 200 403 200 403 200 403 403 404
POST   callbacks/<token>                     400 400 400 400 400 400 400 400 400 400 400 400
GET    runs/<run_id>/context                 401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/budget                  401 403 404 200 200 200 200 200 403 403 403 404
POST   runs/<run_id>/top-up                  401 403 404 403 400 403 400 403 400 403 403 404
GET    runs/<run_id>/lineage                 401 403 404 200 200 200 200 200 403 403 403 404
GET    runs/<run_id>/events                  401 403 404 200 200 200 200 200 403 403 403 404
GET    steps/<step_id>                       401 403 404 200 200 200 200 200 403 403 403 404
GET    steps/<step_id>/calls                 401 403 404 200 200 200 200 200 403 403 403 404
GET    calls/<call_id>                       401 403 404 200 200 200 200 200 403 403 403 404
GET    memory                                401 403 200 200 200 200 200 200 403 403 403 200
POST   memory                                401 403 404 403 201 403 201 403 201 403 403 404
POST   memory/forget                         401 403 404 403 403 403 200 403 403 403 200 404
GET    memory/<memory_id>/history            401 403 404 200 200 200 200 200 403 403 403 404
GET    events                                401 403 200 200 200 200 200 200 403 403 403 200
GET    actors                                401 403 200 200 200 200 200 200 403 403 403 200
GET    actors/<actor_id>                     401 403 404 200 200 200 200 200 403 403 403 404
GET    actors/<actor_id>/deliveries          401 403 404 200 200 200 200 200 403 403 403 404
GET    actors/<actor_id>/lineage             401 403 404 200 200 200 200 200 403 403 403 404
GET    actors/<address>/lineage              401 403 404 200 200 200 200 200 403 403 403 404
GET    lineage                               401 403 404 200 200 200 200 200 403 403 403 404
POST   actors/<actor_id>/stop                401 403 404 403 200 403 200 403 200 403 403 404
POST   actors/<actor_id>/restart             401 403 404 403 200 403 200 403 200 403 403 404
POST   actors/<actor_id>/park                401 403 404 403 409 403 409 403 409 403 403 404
GET    mail                                  401 403 200 200 200 200 200 200 403 403 403 200
POST   mail                                  401 403 404 403 201 403 201 403 201 403 403 404
GET    mail/<mail_id>                        401 403 404 200 200 200 200 200 403 403 403 404
GET    mail/<mail_id>/deliveries             401 403 404 200 200 200 200 200 403 403 403 404
GET    dead-letters                          401 403 200 200 200 200 200 200 403 403 403 200
POST   deliveries/<delivery_id>/send-again   401 403 404 403 200 403 200 403 200 403 403 404
GET    topics                                401 403 200 200 200 200 200 200 403 403 403 200
POST   topics                                401 403 404 403 403 403 201 403 403 403 201 404
GET    topics/<topic_id>                     401 403 404 200 200 200 200 200 403 403 403 404
GET    topics/<topic_id>/subscriptions       401 403 404 200 200 200 200 200 403 403 403 404
POST   topics/<topic_id>/subscriptions       401 403 404 403 403 403 201 403 403 403 201 404
DELETE subscriptions/<subscription_id>       401 403 404 403 403 403 204 403 403 403 204 404
GET    agents                                401 403 200 200 200 200 200 200 403 403 403 200
GET    agents/<agent>                        401 403 200 200 200 200 200 200 403 403 403 200
GET    agents/<agent>/health                 401 403 200 200 200 200 200 200 403 403 403 200
GET    agents/<agent>/offers                 401 403 200 200 200 200 200 200 403 403 403 200
GET    offers                                401 403 200 200 200 200 200 200 403 403 403 200
GET    agents/<agent>/calibration            401 403 200 200 200 200 200 200 403 403 403 200
POST   workflows/<workflow>/threshold        401 403 404 403 403 403 201 403 403 403 201 404
GET    queues/board                          401 403 200 200 200 200 200 200 403 403 403 200
GET    queues                                401 403 200 200 200 200 200 200 403 403 403 200
GET    queues/<project>/<queue>              401 403 404 200 200 200 200 200 403 403 403 404
PATCH  queues/<project>/<queue>              401 403 404 403 403 403 200 403 403 403 200 404
POST   queues                                401 403 404 403 403 403 201 403 403 403 201 404
GET    queues/<project>/<queue>/targets      401 403 404 200 200 200 200 200 403 403 403 404
PUT    queues/<project>/<queue>/targets      401 403 404 403 403 403 200 403 403 403 200 404
GET    queues/<project>/<queue>/reason-codes 401 403 404 200 200 200 200 200 403 403 403 404
PUT    queues/<project>/<queue>/reason-codes 401 403 404 403 403 403 200 403 403 403 200 404
GET    queues/<project>/<queue>/members     401 403 404 200 200 200 200 200 403 403 403 404
PUT    queues/<project>/<queue>/members     401 403 404 403 403 403 200 403 403 403 200 404
GET    queues/<project>/<queue>/channels    401 403 404 200 200 200 200 200 403 403 403 404
PUT    queues/<project>/<queue>/channels    401 403 404 403 403 403 200 403 403 403 200 404
GET    queues/<project>/<queue>/levels      401 403 404 200 200 200 200 200 403 403 403 404
PUT    queues/<project>/<queue>/levels      401 403 404 403 403 403 200 403 403 403 200 404
GET    queues/<project>/<queue>/breach-actions 401 403 404 200 200 200 200 200 403 403 403 404
PUT    queues/<project>/<queue>/breach-actions 401 403 404 403 403 403 200 403 403 403 200 404
GET    queues/<project>/<queue>/snooze-reasons 401 403 404 200 200 200 200 200 403 403 403 404
PUT    queues/<project>/<queue>/snooze-reasons 401 403 404 403 403 403 200 403 403 403 200 404
GET    routing/<project>                     401 403 404 200 200 200 200 200 403 403 403 404
PUT    routing/<project>                     401 403 404 403 403 403 200 403 403 403 200 404
POST   routing/<project>/preview             401 403 404 403 403 403 200 403 403 403 200 404
GET    calendars                            401 403 200 200 200 200 200 200 403 403 403 200
POST   calendars                            401 403 404 403 403 403 201 403 403 403 201 404
POST   calendars/preview                    401 403 200 200 200 200 200 200 403 403 403 200
GET    calendars/<calendar_id>              401 403 404 200 200 200 200 200 403 403 403 404
PUT    calendars/<calendar_id>              401 403 404 403 403 403 200 403 403 403 200 404
GET    calendars/<calendar_id>/versions     401 403 404 200 200 200 200 200 403 403 403 404
GET    reviewers                            401 403 200 200 200 200 200 200 403 403 403 200
GET    reviewers/<username>                 401 403 404 404 404 200 200 200 403 403 403 404
PATCH  reviewers/<username>                 401 403 404 404 404 403 200 403 403 403 200 404
DELETE reviewers/<username>                 401 403 404 404 404 403 204 403 403 403 204 404
GET    me/profile                           401 403 200 200 200 200 200 200 403 403 403 200
PATCH  me/profile                           401 403 403 403 403 200 200 403 403 200 403 403
GET    me/preferences                       401 403 200 200 200 200 200 200 403 403 403 200
PUT    me/preferences                       401 403 200 200 200 200 200 403 403 200 403 200
GET    me/views                             401 403 200 200 200 200 200 200 403 403 403 200
POST   me/views                             401 403 200 200 200 200 200 403 403 200 403 200
DELETE me/views/<view_id>                   401 403 404 404 404 404 404 403 403 404 403 404
GET    channels                             401 403 403 403 403 403 200 200 403 403 403 403
GET    messages                             401 403 200 200 200 200 200 200 403 403 403 200
POST   messages/test                        401 403 204 204 204 204 204 403 403 204 403 204
POST   messages/<message_id>/again          401 403 404 404 404 404 404 403 403 404 403 404
GET    tickets                               401 403 200 200 200 200 200 200 403 403 403 200
GET    tickets/<ticket_id>                   401 403 404 200 200 200 200 200 403 403 403 404
GET    tickets/<ticket_id>/clock             401 403 404 200 200 200 200 200 403 403 403 404
POST   tickets/<ticket_id>/pause             401 403 404 403 403 403 200 403 403 200 403 404
POST   tickets/<ticket_id>/replan            401 403 404 403 403 403 409 403 403 403 409 404
POST   tickets/<ticket_id>/resume            401 403 404 403 403 403 200 403 403 200 403 404
POST   tickets/<ticket_id>/snooze            401 403 404 403 403 200 200 403 403 200 403 404
POST   tickets/<ticket_id>/wake              401 403 404 403 403 409 409 403 403 409 403 404
POST   tickets/<ticket_id>/take-back         401 403 404 403 403 409 409 403 403 409 403 404
GET    tickets/stream                        401 403 200 200 200 200 200 200 403 403 403 200
PUT    tickets/<ticket_id>/presence          401 403 404 200 200 200 200 200 403 403 403 404
DELETE tickets/<ticket_id>/presence          401 403 404 204 204 204 204 204 403 403 403 404
POST   tickets/claim-next                    401 403 404 404 404 200 200 403 403 200 403 404
POST   tickets/<ticket_id>/claim             401 403 404 403 403 200 200 403 403 200 403 404
POST   tickets/<ticket_id>/release           401 403 404 403 403 200 200 403 403 200 403 404
GET    tickets/<ticket_id>/comments          401 403 404 200 200 200 200 200 403 403 403 404
POST   tickets/<ticket_id>/comments          401 403 404 403 403 200 200 403 403 200 403 404
GET    tickets/<ticket_id>/alike             401 403 404 200 200 200 200 200 403 403 403 404
POST   tickets/<ticket_id>/alike/claim       401 403 404 403 403 200 200 403 403 200 403 404
POST   tickets/<ticket_id>/alike/resolve     401 403 404 403 403 200 200 403 403 200 403 404
POST   tickets/<ticket_id>/renew             401 403 404 403 403 200 200 403 403 200 403 404
POST   tickets/<ticket_id>/assign            401 403 404 403 403 403 200 403 403 200 403 404
GET    tickets/counts                       401 403 200 200 200 200 200 200 403 403 403 200
GET    breaches                             401 403 200 200 200 200 200 200 403 403 403 200
GET    tickets/<ticket_id>/outlook          401 403 404 200 200 200 200 200 403 403 403 404
POST   tickets/<ticket_id>/alike/preview    401 403 404 403 403 200 200 403 403 200 403 404
GET    tickets/<ticket_id>/draft            401 403 404 403 403 200 200 403 403 403 403 404
PUT    tickets/<ticket_id>/draft            401 403 404 403 403 200 200 403 403 200 403 404
POST   tickets/<ticket_id>/resolve           401 403 404 403 403 200 200 403 403 200 403 404
GET    second-factors                       401 403 404 404 404 404 404 404 403 403 403 404
DELETE second-factors/<username>            401 403 404 404 404 404 404 403 403 403 404 404
GET    audit                                 401 403 200 200 200 200 200 200 403 403 403 200
GET    tokens                                401 403 200 200 200 200 200 200 403 403 403 200
POST   tokens                                401 403 201 201 201 201 201 403 403 403 201 201
DELETE tokens/<token_id>                     401 403 204 204 204 204 204 403 403 403 204 204
"""
_HOURS = {"time_zone": "UTC", "hours": {"mon": ["09:00-17:00"]}}
_OF_THE_DESK: dict[str, Any] = {
    "actors/<actor_id>/stop": {"reason": "enough"},
    "mail": {"project": "desk", "to": "test.desk/2", "body": {"case": 7}},
    "topics": {"project": "desk", "name": "case.closed", "schema": {"type": "object"}},
    "topics/<topic_id>/subscriptions": {"name": "test.desk", "key": "2"},
    "calendars": {"project": "desk", "name": "Night", **_HOURS},
    "calendars/preview": _HOURS,
    "calendars/<calendar_id>": _HOURS,
    "reviewers/<username>": {"capacity": 3},
    "me/profile": {"absent_from": "2026-12-24T08:00:00Z"},
    "me/preferences": {"preferences": []},
    "me/views": {"name": "Mine", "filters": {"state": "mine"}},
    "messages/test": {},
    "routing/<project>": {"rules": []},
    "routing/<project>/preview": {"rules": []},
    **{
        f"queues/<project>/<queue>/{part}": {part.replace("-", "_"): []}
        for part in ("members", "channels", "levels", "breach-actions", "snooze-reasons")
    },
}
_QUERIES = {
    "actors/<address>/lineage": "?project=desk",
    "lineage": "?project=desk&since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z",
}
Line = tuple[str, str]
EXPECTED: dict[Line, dict[str, int]] = {
    (words[0], words[1]): dict(zip(_HEAD.split(), map(int, words[2:]), strict=True))
    for words in map(str.split, _TABLE.strip().splitlines())
}


def _list_routes() -> Iterator[Line]:
    """Yield every method of every address below /api/v1/."""
    for prefix in get_resolver().url_patterns:
        if isinstance(prefix, URLResolver) and str(prefix.pattern) == "api/v1/":
            for route in prefix.url_patterns:
                assert isinstance(route, URLPattern)
                view: Any = route.callback
                methods = {"get", "post", "put", "patch", "delete"} & set(dir(view.view_class))
                yield from ((method.upper(), _shorten(str(route.pattern))) for method in methods)


def _shorten(pattern: str) -> str:
    for kind in ("str", "int", "uuid", "path"):
        pattern = pattern.replace(f"<{kind}:", "<")
    return pattern


def _address(route: str, scene: Scene, caller: Caller) -> str:
    values = {
        "project": "desk",
        "workflow": "letter",
        "version": "1",
        "run_id": str(scene.held.pk),
        "queue": scene.ticket.queue.slug,
        "step_id": str(scene.step.pk),
        "call_id": str(scene.call.pk),
        "actor_id": str(scene.dead.actor_id),
        "address": scene.dead.actor.address,
        "mail_id": str(scene.dead.message_id),
        "delivery_id": str(scene.dead.pk),
        "topic_id": str(scene.topic.pk),
        "subscription_id": str(scene.member.pk),
        "memory_id": str(scene.memory.pk),
        "agent": "test.writer",
        "ticket_id": str(scene.ticket.pk),
        "token_id": _own_token(caller),
        "username": "reviewer",
        "calendar_id": str(scene.calendar.pk),
        "view_id": "1",
        "name": "payment",
        "token": "nobody-gave-this-out",
        "message_id": "00000000-0000-4000-8000-000000000000",
    }
    query = {"wait": "?timeout_seconds=0"}.get(route.rpartition("/")[2], _QUERIES.get(route, ""))
    for name, value in values.items():
        route = route.replace(f"<{name}>", value)
    return f"/api/v1/{route}{query or ('?project=desk' if '/letter/versions' in route else '')}"


def _own_token(caller: Caller) -> str:
    """Return a second token of the caller's: one that may be revoked."""
    if caller.user is None:
        return "00000000-0000-4000-8000-000000000000"
    make_key(caller.user, "read")
    return str(ApiToken.objects.filter(user=caller.user).latest("created").public_id)


def _body(route: str, scene: Scene, caller: Caller) -> Any:
    start = {"workflow": "letter", "project": "desk"}
    spec = {**dump_spec(LETTER), "description": "another"}
    token = {"name": "mine", "scopes": ["admin"], "days": 1}
    if caller.name == "token:elsewhere":
        token["project"] = "other"
    return {
        "workflows": {"spec": spec, "project": "desk"},
        "workflows/validate": {"spec": spec, "project": "desk"},
        "runs": start,
        "runs/batch": {"runs": [start]},
        "runs/<run_id>/fork": {"from_step": "draft"},
        "runs/<run_id>/signals/<name>": {"value": 5},
        "memory": {"project": "desk", "scope": "project", "key": "tone", "value": "short"},
        "memory/forget": {"project": "desk", "key": "customer/7", "reason": "asked for"},
        "runs/<run_id>/cancel": {"reason": "not needed"},
        "runs/<run_id>/finish": {"output": None},
        "runs/<run_id>/top-up": {"usd": "1.00"},  # which the run has no limit of
        **{f"runs/<run_id>/{verb}": {} for verb in ("pause", "resume", "retry")},
        "tokens": token,
        "tickets/<ticket_id>/comments": {"text": "Is this the lamp?"},
        "queues": {"project": "desk", "slug": "vip", "name": "VIP"},
        "workflows/<workflow>/threshold": {"project": "desk", "step": "draft", "confidence": 0.9},
        "queues/<project>/<queue>": {"assignment": "least_loaded"},
        "tickets/<ticket_id>/alike/claim": {"tickets": [scene.ticket.pk]},
        "tickets/<ticket_id>/alike/preview": {"tickets": [scene.ticket.pk]},
        "tickets/<ticket_id>/draft": {"claim_number": 1, "note": "half"},
        "tickets/<ticket_id>/alike/resolve": {
            "resolution": "approve",
            "lines": [
                {"ticket": scene.ticket.pk, "claim_number": 1, "seen_digest": scene.ticket.seen_digest}
            ],
        },
        "queues/<project>/<queue>/targets": {"targets": []},
        "queues/<project>/<queue>/reason-codes": {"reason_codes": []},
        **_OF_THE_DESK,
        "tickets/<ticket_id>/renew": {"claim_number": 1, "seen_digest": scene.ticket.seen_digest},
        "tickets/<ticket_id>/assign": {"to": "reviewer"},
        "tickets/<ticket_id>/pause": {"reason": "waits"},
        "tickets/<ticket_id>/snooze": {
            "until": (timezone.now() + timedelta(hours=1)).isoformat(),
            "reason": "later",
            "claim_number": 1,
        },
        "tickets/<ticket_id>/resolve": {
            "resolution": "skip",
            "claim_number": 1,
            "seen_digest": scene.ticket.seen_digest,
        },
    }.get(route)


def _prepare(route: str, scene: Scene, caller: Caller) -> None:
    """Let those who may decide have claimed the ticket."""
    if route.endswith(("/release", "/renew", "/resolve", "/snooze", "/draft")) and caller.user is not None:
        claim_ticket(scene.ticket.pk, caller.user)
    if route == "tickets/<ticket_id>/resume" and caller.user is not None:
        pause_ticket(scene.ticket.pk, caller.user, "waits")


def test_every_address_stands_in_the_table() -> None:
    assert set(_list_routes()) == set(EXPECTED)


def test_the_table_knows_every_caller() -> None:
    assert _HEAD.split() == CALLERS


def test_without_the_scope_a_stranger_would_see_foreign_runs(
    callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callers["stranger"].get("/api/v1/runs").json()["results"] == []
    monkeypatch.setattr(scope, "find_projects", lambda _caller, _right=None: Project.objects.all())
    assert len(callers["stranger"].get("/api/v1/runs").json()["results"]) == 2


@pytest.mark.parametrize(
    ("guard", "line", "name"),
    [
        ("require", ("POST", "runs/<run_id>/pause"), "viewer"),
        ("require_scope", ("GET", "runs"), "token:run"),
    ],
)
def test_without_a_guard_somebody_gets_another_answer(
    guard: str,
    line: Line,
    name: str,
    scene: Scene,
    callers: dict[str, Caller],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method, route = line
    for room in (scope, access):
        if hasattr(room, guard):
            monkeypatch.setattr(room, guard, lambda *_: None)
    caller = callers[name]
    answer = caller.call(method, _address(route, scene, caller), _body(route, scene, caller))
    assert (answer.status_code, EXPECTED[line][name]) == (200, 403)


@pytest.mark.parametrize("line", EXPECTED, ids=" ".join)
def test_each_caller_gets_the_answer_of_the_table(
    line: Line, scene: Scene, callers: dict[str, Caller]
) -> None:
    method, route = line
    answers = {}
    for name, caller in callers.items():
        with transaction.atomic():
            _prepare(route, scene, caller)
            address, body = _address(route, scene, caller), _body(route, scene, caller)
            answer = caller.call(method, address, body)
            answers[name] = answer.status_code
            is_problem = answer.headers.get("Content-Type") == "application/problem+json"
            assert is_problem == (answer.status_code >= 400), (name, answer.content)
            transaction.set_rollback(True)
    assert answers == EXPECTED[line]
