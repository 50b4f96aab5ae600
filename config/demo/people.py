"""Who works in the demo: an admin, a reviewer and a lead of the reviewers. Made once; nobody is changed again."""

import secrets
from dataclasses import dataclass

from django.contrib.auth.models import Group, User

from escalation.domain.desk_rights import DeskRole
from escalation.models import QueueRole
from escalation.queues import find_or_make_default
from orchestration.domain.rights import Role
from orchestration.models import Membership, Project

ADMIN_NAME = "admin"
REVIEWER_NAME = "reviewer"
LEAD_NAME = "lead"
_PROJECT = "default"
_REVIEWERS = "Support reviewers"
_LEADS = "Support leads"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in.

    Attributes: password: None when they were there before.
    """

    name: str
    password: str | None
    does: str


def ensure_people() -> list[Person]:
    """Make whoever is missing, and return all, with the passwords of those who are new."""
    return [
        Person(ADMIN_NAME, _make_admin(), "may do everything"),
        Person(REVIEWER_NAME, _make_reviewer(), "decides tickets"),
        Person(LEAD_NAME, _make_lead(), "decides tickets and steers the work of the others"),
    ]


def _make_admin() -> str | None:
    if User.objects.filter(username=ADMIN_NAME).exists():
        return None
    password = _make_password()
    User.objects.create_superuser(username=ADMIN_NAME, password=password)
    return password


def _make_reviewer() -> str | None:
    person, password = _make_staff(REVIEWER_NAME)
    if person is not None:
        _join(person, _REVIEWERS)
    return password


def _make_lead() -> str | None:
    person, password = _make_staff(LEAD_NAME)
    if person is not None:
        group = _join(person, _LEADS)
        queue = find_or_make_default(_find_project().pk)
        QueueRole.objects.get_or_create(queue=queue, group=group, role=DeskRole.LEAD)
    return password


def _make_staff(name: str) -> tuple[User | None, str | None]:
    if User.objects.filter(username=name).exists():
        return None, None
    password = _make_password()
    return User.objects.create_user(name, password=password, is_staff=True), password


def _join(person: User, name: str) -> Group:
    """Make somebody a reviewer of the project through a group."""
    group, _ = Group.objects.get_or_create(name=name)
    Membership.objects.get_or_create(project=_find_project(), group=group, defaults={"role": Role.REVIEWER})
    person.groups.add(group)
    return group


def _find_project() -> Project:
    return Project.objects.get(slug=_PROJECT)


def _make_password() -> str:
    return secrets.token_urlsafe(12)
