"""Whose second factor may be taken away, by whom, and what that ends."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from escalation.models import AuditLine, QueueRole
from orchestration.models import Membership, Project
from tests.codes import give_device, sign_in_with_app
from tests.integration.escalation.desk import hold
from tests.people import make_member

pytestmark = pytest.mark.django_db
LOGIN, SET_UP, OWN = "/admin/login/", "/admin/second-factor/set-up/", "/admin/second-factor/"


@pytest.fixture(autouse=True)
def asked(settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "deciders"}


@pytest.fixture
def enrolled(db: None) -> User:
    ada = make_member("ada", "reviewer")
    give_device(ada)
    return ada


def _is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def _page(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_lead_resets_who_they_lead_and_nobody_else(enrolled: User) -> None:
    lead, outsider = make_member("lea", "admin"), User.objects.create_user("out", password="x", is_staff=True)
    boss = User.objects.create_superuser("boss", password="x")
    boss.groups.add(*enrolled.groups.all())
    for person in (lead, outsider, boss):
        give_device(person)
    theirs, client = sign_in_with_app(enrolled), sign_in_with_app(lead)
    hold()  # so that there is a queue
    page = _page(client.get(OWN))
    assert "second factor of ada" in page
    for person in (lead, outsider, boss):
        assert client.post(OWN, {"person": person.pk}).status_code == 404
    for nonsense in ("", "x", "9" * 40, "-1"):
        assert client.post(OWN, {"person": nonsense}).status_code == 404
    assert sign_in_with_app(enrolled).post(OWN, {"person": lead.pk}).status_code == 404

    assert client.post(OWN, {"person": enrolled.pk}).status_code == 302

    assert not TOTPDevice.objects.filter(user=enrolled).exists()
    assert theirs.get("/admin/").headers["Location"].startswith(LOGIN)
    assert theirs.get(SET_UP).headers["Location"].startswith(LOGIN)  # the session is no way to set one up
    assert _is_in(client)
    [line] = AuditLine.objects.filter(act="reset")
    assert (line.actor, line.door, '"person": "ada"' in line.data_json) == (lead, "console", True)


def test_a_lead_resets_nobody_who_gives_roles_where_they_do_not(enrolled: User) -> None:
    """With a reset and a password one would sign in as them: a way up for who only leads."""
    queue = hold()[0].queue
    lead, admin = make_member("lea", "reviewer"), make_member("ann", "admin")
    keeper, elsewhere = make_member("kim", "reviewer"), make_member("eve", "reviewer")
    other = Project.objects.create(slug="elsewhere", name="Elsewhere")
    for person, role in ((lead, "lead"), (keeper, "queue_admin")):
        group = Group.objects.create(name=f"{role}s")
        group.user_set.add(person)
        QueueRole.objects.create(queue=queue, group=group, role=role)
    bosses = Group.objects.create(name="bosses")
    bosses.user_set.add(elsewhere)
    Membership.objects.create(project=other, group=bosses, role="admin")
    change = Permission.objects.get(codename="change_user")
    clerk, helper = make_member("cla", "reviewer"), make_member("hal", "reviewer")
    clerk.user_permissions.add(change)
    clerks = Group.objects.create(name="clerks")
    clerks.permissions.add(change)
    helper.groups.add(clerks)
    for person in (lead, admin, keeper, elsewhere, clerk, helper):
        give_device(person)
    client = sign_in_with_app(lead)

    for person in (admin, keeper, elsewhere, clerk, helper):
        assert client.post(OWN, {"person": person.pk}).status_code == 404
    assert client.post(OWN, {"person": enrolled.pk}).status_code == 302
    # Who gives roles there themselves could have given them to anybody.
    assert sign_in_with_app(admin).post(OWN, {"person": keeper.pk}).status_code == 302


def test_a_shell_resets_anybody(enrolled: User, capsys: pytest.CaptureFixture[str]) -> None:
    client = sign_in_with_app(enrolled)
    call_command("reset_two_factor", "ada")
    assert "The second factor of ada is gone" in capsys.readouterr().out
    assert (TOTPDevice.objects.count(), _is_in(client)) == (0, False)
    [line] = AuditLine.objects.filter(act="reset")
    assert (line.actor_name, line.door, bool(line.address)) == ("engine", "command", True)
    with pytest.raises(CommandError, match="USER: there is no user 'nobody'"):
        call_command("reset_two_factor", "nobody")
