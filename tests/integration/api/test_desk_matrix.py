"""Who may do what with a role at a review queue and none in its project; and at a queue that is restricted.

Every address of `test_matrix.py` is called: what stands in no table here answers such people as it does a stranger.
"""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from escalation.domain.desk_rights import DeskRole
from escalation.escrow import claim_ticket
from escalation.models import ReviewQueue
from escalation.selectors import scope as desk_scope
from tests.integration.api.people import Caller
from tests.integration.api.scene import Scene
from tests.integration.api.test_matrix import EXPECTED, Line, _address, _body, _prepare
from tests.people import give_role

pytestmark = pytest.mark.django_db

_HEAD = "viewer reviewer lead queue_admin auditor elsewhere"
_TABLE = """
GET    tickets/<ticket_id>                   200 200 200 200 200 404
POST   tickets/claim-next                    404 200 200 404 404 404
POST   tickets/<ticket_id>/claim             403 200 200 403 403 404
POST   tickets/<ticket_id>/release           403 200 200 403 403 404
GET    tickets/<ticket_id>/comments          200 200 200 200 200 404
POST   tickets/<ticket_id>/comments          403 200 200 403 403 404
GET    tickets/<ticket_id>/alike             200 200 200 200 200 404
POST   tickets/<ticket_id>/alike/claim       403 200 200 403 403 404
POST   tickets/<ticket_id>/alike/resolve     403 200 200 403 403 404
POST   tickets/<ticket_id>/renew             403 200 200 403 403 404
POST   tickets/<ticket_id>/assign            403 403 200 403 403 404
GET    tickets/<ticket_id>/clock             200 200 200 200 200 404
POST   tickets/<ticket_id>/pause             403 403 200 403 403 404
POST   tickets/<ticket_id>/replan            403 403 403 409 403 404
POST   tickets/<ticket_id>/resume            403 403 200 403 403 404
POST   tickets/<ticket_id>/snooze            403 200 200 403 403 404
POST   tickets/<ticket_id>/take-back         403 409 409 403 403 404
POST   tickets/<ticket_id>/wake              403 409 409 403 403 404
PUT    tickets/<ticket_id>/presence          200 200 200 200 200 404
DELETE tickets/<ticket_id>/presence          204 204 204 204 204 404
GET    queues/<project>/<queue>              200 200 200 200 200 404
PATCH  queues/<project>/<queue>              403 403 403 200 403 404
GET    queues/<project>/<queue>/targets      200 200 200 200 200 404
PUT    queues/<project>/<queue>/targets      403 403 403 200 403 404
GET    queues/<project>/<queue>/reason-codes 200 200 200 200 200 404
PUT    queues/<project>/<queue>/reason-codes 403 403 403 200 403 404
GET    queues/<project>/<queue>/members     200 200 200 200 200 404
PUT    queues/<project>/<queue>/members     403 403 403 200 403 404
GET    queues/<project>/<queue>/channels    200 200 200 200 200 404
PUT    queues/<project>/<queue>/channels    403 403 403 200 403 404
GET    queues/<project>/<queue>/levels      200 200 200 200 200 404
PUT    queues/<project>/<queue>/levels      403 403 403 200 403 404
GET    queues/<project>/<queue>/breach-actions 200 200 200 200 200 404
PUT    queues/<project>/<queue>/breach-actions 403 403 403 200 403 404
GET    queues/<project>/<queue>/snooze-reasons 200 200 200 200 200 404
PUT    queues/<project>/<queue>/snooze-reasons 403 403 403 200 403 404
GET    tickets/<ticket_id>/outlook          200 200 200 200 200 404
POST   tickets/<ticket_id>/alike/preview    403 200 200 403 403 404
GET    tickets/<ticket_id>/draft            403 200 200 403 403 404
PUT    tickets/<ticket_id>/draft            403 200 200 403 403 404
POST   tickets/<ticket_id>/resolve           403 200 200 403 403 404
"""
# What belongs to people: members of the project find it, whatever becomes of the queue.
_OF_PEOPLE = """
GET    reviewers/<username>                 404 404 404 200 404 404
PATCH  reviewers/<username>                 404 404 404 200 404 404
DELETE reviewers/<username>                 404 404 404 204 404 404
PATCH  me/profile                           403 200 200 200 403 200
GET    channels                             403 403 403 200 403 403
"""
AT_DESK: dict[Line, dict[str, int]] = {
    (words[0], words[1]): dict(zip(_HEAD.split(), map(int, words[2:]), strict=True))
    for words in map(str.split, _TABLE.strip().splitlines())
}
BESIDE: dict[Line, dict[str, int]] = {
    (words[0], words[1]): dict(zip(_HEAD.split(), map(int, words[2:]), strict=True))
    for words in map(str.split, _OF_PEOPLE.strip().splitlines())
}
MEMBERS = ("viewer", "operator", "reviewer", "admin")


@pytest.fixture
def desk(scene: Scene, callers: dict[str, Caller]) -> dict[str, Caller]:
    """Somebody for each role at the ticket's queue, and a lead of another queue of the same project."""
    other = ReviewQueue.objects.create(project=scene.project, slug="vip", name="VIP")
    people = {
        role.value: give_role(User.objects.create_user(f"desk-{role}"), scene.ticket.queue, role)
        for role in DeskRole
    }
    people["elsewhere"] = give_role(User.objects.create_user("desk-elsewhere"), other, "lead")
    # To whom the lead assigns.
    assert callers["reviewer"].user is not None
    give_role(callers["reviewer"].user, scene.ticket.queue, "reviewer")
    return {name: Caller(name, person) for name, person in people.items()}


def _ask(line: Line, scene: Scene, callers: dict[str, Caller]) -> dict[str, int]:
    """Return what each caller is answered; nothing of it stays."""
    method, route = line
    answers = {}
    for name, caller in callers.items():
        with transaction.atomic():
            _prepare(route, scene, caller)
            address, body = _address(route, scene, caller), _body(route, scene, caller)
            answers[name] = caller.call(method, address, body).status_code
            transaction.set_rollback(True)
    return answers


def _restrict(scene: Scene) -> None:
    ReviewQueue.objects.filter(pk=scene.ticket.queue_id).update(is_restricted=True)


def test_each_address_of_a_ticket_stands_in_the_table() -> None:
    of_queues = ("tickets/<", "tickets/claim", "queues/<")
    assert {line for line in EXPECTED if line[1].startswith(of_queues)} == set(AT_DESK)


@pytest.mark.parametrize("is_restricted", [False, True])
@pytest.mark.parametrize("line", EXPECTED, ids=" ".join)
def test_a_role_at_a_queue_opens_its_tickets_and_nothing_else(
    line: Line, scene: Scene, desk: dict[str, Caller], *, is_restricted: bool
) -> None:
    if is_restricted:
        _restrict(scene)
    as_stranger = dict.fromkeys(_HEAD.split(), EXPECTED[line]["stranger"])
    assert _ask(line, scene, desk) == {**AT_DESK, **BESIDE}.get(line, as_stranger)


@pytest.mark.parametrize("line", AT_DESK, ids=" ".join)
def test_of_a_restricted_queue_members_of_the_project_find_no_ticket(
    line: Line, scene: Scene, callers: dict[str, Caller]
) -> None:
    _restrict(scene)
    answers = _ask(line, scene, {name: callers[name] for name in MEMBERS})
    assert answers == dict.fromkeys(MEMBERS, 404)


@pytest.mark.parametrize("name", ["viewer", "admin", "elsewhere"])
def test_lists_and_the_audit_hold_what_the_caller_may_see(
    name: str, scene: Scene, callers: dict[str, Caller], desk: dict[str, Caller]
) -> None:
    _restrict(scene)
    caller = desk[name] if name == "elsewhere" else callers[name]
    claim_ticket(scene.ticket.pk, User.objects.create_user("rita"))
    for address in ("tickets", f"tickets?run={scene.held.pk}", "tickets?claimed_by=rita", "audit"):
        assert caller.get(f"/api/v1/{address}").json()["results"] == [], address


def test_without_the_scope_a_colleague_from_another_queue_would_see_the_ticket(
    scene: Scene, desk: dict[str, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_all(*_: Any) -> Any:
        return ReviewQueue.objects.order_by("pk")

    assert desk["elsewhere"].get("/api/v1/tickets").json()["results"] == []
    monkeypatch.setattr(desk_scope, "find_queues", find_all)
    assert len(desk["elsewhere"].get("/api/v1/tickets").json()["results"]) == 1
