"""Projects, members and tokens in the console; and the commands that take a project."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from agents.invoke import override
from escalation.models import ReviewQueue
from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import ApiToken, Membership, Project, Run
from tests.integration.orchestration_admin.conftest import sign_in, text_of
from tests.integration.orchestration_admin.scenes import LETTER, LETTER_AGENTS
from tests.people import make_member

pytestmark = pytest.mark.django_db
ROOT = "/admin/orchestration"


@pytest.fixture
def desk() -> Project:
    return Project.objects.create(slug="desk", name="Zebra")


def _form(group: Group, role: str) -> dict[str, Any]:
    management = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0, "MAX_NUM_FORMS": 1000}
    return {
        "name": "Zebra",
        **{f"memberships-{name}": value for name, value in management.items()},
        "memberships-0-group": group.pk,
        "memberships-0-role": role,
    }


def test_an_admin_of_a_project_chooses_its_members(desk: Project) -> None:
    ada = make_member("ada", "admin", "desk")
    own, strange = (Group.objects.create(name=name) for name in ("operators", "another firm's"))
    ada.groups.add(own)
    page = f"{ROOT}/project/{desk.pk}/change/"
    shown = text_of(sign_in(ada).get(page))
    assert ("operators" in shown, "admin of desk" in shown, "another firm" in shown) == (True, True, False)
    for group in (own, strange):
        sign_in(ada).post(page, {**_form(group, "operator"), "memberships-TOTAL_FORMS": 1})
    assert list(Membership.objects.filter(project=desk, role="operator").values_list("group", flat=True)) == [
        own.pk
    ]


def test_one_knows_the_members_of_what_one_is_admin_of_and_no_others(desk: Project) -> None:
    # given: an admin of two projects, who may look into a third; each has another group, and one has two people
    Project.objects.create(slug="shop", name="Shop")
    ada = make_member("ada", "admin", "desk")
    for role, project in (("admin", "shop"), ("viewer", "default")):
        ada.groups.add(make_member(f"{role}-too", role, project).groups.get())
    for name, project in (("rita", "shop"), ("rob", "shop"), ("olga", "default")):
        make_member(name, "reviewer", project)
    known, strange = (Group.objects.get(name=f"reviewer of {project}") for project in ("shop", "default"))

    # when: she chooses members for one of hers
    page = f"{ROOT}/project/{desk.pk}/change/"
    shown = text_of(sign_in(ada).get(page))
    answers = [sign_in(ada).post(page, _form(group, "operator")).status_code for group in (known, strange)]

    # then: the colleagues of the other are offered once in each line, and taken; those of the third are not
    assert (shown.count(f'value="{known.pk}"') > 0, f">{strange.name}<" in shown) == (True, False)
    assert shown.count(f">{known.name}<") == shown.count(f">{ada.groups.get(name='admin of desk').name}<")
    assert answers == [302, 200]
    assert Membership.objects.filter(project=desk, role="operator", group=known).exists()
    assert not Membership.objects.filter(project=desk, group=strange).exists()


def test_a_superuser_sees_every_group(desk: Project) -> None:
    Group.objects.create(name="another firm's")
    root = User.objects.create_superuser("root")
    assert "another firm" in text_of(sign_in(root).get(f"{ROOT}/project/{desk.pk}/change/"))


@pytest.mark.parametrize(
    ("name", "role", "project", "status"),
    [("vera", "viewer", "desk", 403), ("stefan", "admin", "default", 404)],
)
def test_nobody_else_does(desk: Project, name: str, role: str, project: str, status: int) -> None:
    group = Group.objects.create(name="operators")
    page = f"{ROOT}/project/{desk.pk}/change/"
    answer = sign_in(make_member(name, role, project)).post(page, _form(group, "admin"))
    assert answer.status_code == status
    assert not Membership.objects.filter(group=group).exists()


def test_a_foreign_project_is_not_shown(desk: Project) -> None:
    stranger = sign_in(make_member("stefan", "admin", "default"))
    assert "Zebra" not in text_of(stranger.get(f"{ROOT}/project/"))
    assert stranger.get(f"{ROOT}/project/{desk.pk}/change/").status_code == 404


@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_a_foreign_review_queue_is_not_there(desk: Project, page: str) -> None:
    queue = ReviewQueue.objects.get(project__slug="default")
    stranger = sign_in(make_member("stefan", "admin", "desk"))
    for number in (queue.pk, 0):
        address = f"/admin/escalation/reviewqueue/{number}/{page}/"
        assert (address, stranger.get(address).status_code) == (address, 404)


def test_a_project_keeps_its_slug_and_is_never_deleted(desk: Project, admin_client: Client) -> None:
    admin_client.post(
        f"{ROOT}/project/{desk.pk}/change/", {**_form(Group.objects.create(), "viewer"), "slug": "x"}
    )
    desk.refresh_from_db()
    assert desk.slug == "desk"
    assert admin_client.post(f"{ROOT}/project/{desk.pk}/delete/").status_code == 403


def test_a_review_queue_stays_in_its_project(desk: Project, admin_client: Client) -> None:
    queue = ReviewQueue.objects.get(project__slug="default")
    page = f"/admin/escalation/reviewqueue/{queue.pk}/change/"
    parts = ("targets", "reason_codes", "roles", "levels", "breach_actions", "snooze_reasons", "channels")
    none = {f"{part}-{count}_FORMS": 0 for part in parts for count in ("TOTAL", "INITIAL")}
    how = {"assignment": "pull", "seats": 1, "votes_needed": 1, "grace_seconds": 0, "warn_at": "50,75,100"}
    admin_client.post(page, {"project": desk.pk, "slug": "default", "name": "Renamed", **how, **none})
    queue.refresh_from_db()
    assert (queue.name, queue.project.slug) == ("Renamed", "default")


@pytest.mark.parametrize(("name", "role"), [("vera", "viewer"), ("olga", "operator"), ("rita", "reviewer")])
def test_only_an_admin_of_the_project_changes_its_queues(name: str, role: str) -> None:
    queue = ReviewQueue.objects.get(project__slug="default")
    page = f"/admin/escalation/reviewqueue/{queue.pk}/change/"
    assert sign_in(make_member(name, role)).post(page, {"name": "Mine", "slug": "x"}).status_code == 403
    queue.refresh_from_db()
    assert queue.slug == "default"


def _make_token(owner: str, *arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("create_token", owner, "--json", *arguments, stdout=out)
    made: dict[str, Any] = json.loads(out.getvalue())
    return made


def test_people_see_and_revoke_their_own_tokens_only(desk: Project) -> None:
    ada, bob = make_member("ada", "viewer", "desk"), make_member("bob", "viewer", "desk")
    _make_token("ada", "--name", "of-ada")
    _make_token("bob", "--name", "of-bob")
    token = ApiToken.objects.get(user=bob)
    page = f"{ROOT}/apitoken/{token.pk}"
    seen = text_of(sign_in(ada).get(f"{ROOT}/apitoken/"))
    assert "of-ada" in seen
    assert "of-bob" not in seen
    sign_in(ada).post(f"{page}/delete/", {"post": "yes"})
    assert ApiToken.objects.filter(pk=token.pk).exists()
    sign_in(bob).post(f"{page}/delete/", {"post": "yes"})
    assert not ApiToken.objects.filter(pk=token.pk).exists()


def test_a_token_made_in_the_shell_opens_the_api(desk: Project, client: Client) -> None:
    make_member("ada", "viewer", "desk")
    made = _make_token("ada", "--scope", "read", "--project", "desk", "--days", "2")
    answer = client.get("/api/v1/projects", headers={"Authorization": f"Token {made['key']}"})
    assert [row["slug"] for row in answer.json()["results"]] == ["desk"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["nobody"], "USER"), (["ada", "--project", "none"], "--project"), (["ada", "--days", "0"], "days")],
)
def test_a_token_that_can_t_be_made(arguments: list[str], told: str) -> None:
    make_member("ada", "viewer")
    with pytest.raises(CommandError, match=told):
        call_command("create_token", *arguments)
    assert not ApiToken.objects.exists()


def test_commands_take_the_project(desk: Project) -> None:
    with override(LETTER_AGENTS), mute_dispatch():
        runs.publish(LETTER, project="desk")
        call_command("start_run", "letter", "--project", "desk", stdout=io.StringIO(), stderr=io.StringIO())
        with pytest.raises(CommandError, match="letter"):
            call_command("start_run", "letter", stderr=io.StringIO())
    run = Run.objects.get()
    assert run.project == desk
    for project, shown in (("desk", [str(run.pk)]), ("default", [])):
        out = io.StringIO()
        call_command("list_runs", "--project", project, "--json", stdout=out)
        assert [line["id"] for line in json.loads(out.getvalue())] == shown


@pytest.mark.parametrize("command", [("start_run", "letter"), ("list_runs",), ("list_tickets",)])
def test_commands_name_a_project_that_is_none(command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="--project: there is no project 'none'; known: default"):
        call_command(*command, "--project", "none")
