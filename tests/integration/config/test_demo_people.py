"""The demo makes a reviewer and a lead beside the admin, once, and prints their passwords once."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from config.demo.people import Person, ensure_people
from config.demo.report import describe_people
from escalation.domain.desk_rights import DeskRight
from escalation.queues import find_or_make_default
from escalation.selectors import may_desk
from orchestration.models import Project
from orchestration.selectors.scope import Caller, call_as

pytestmark = pytest.mark.django_db


def test_each_gets_a_password_that_opens_and_the_rights_of_their_work() -> None:
    people = ensure_people()

    for person in people:
        assert person.password is not None
        assert authenticate(username=person.name, password=person.password) is not None
    queue = find_or_make_default(Project.objects.get(slug="default").pk)
    allowed = {
        person.name: {right for right in DeskRight if may_desk(_call(person), queue, right)}
        for person in people
    }
    assert allowed == {
        "admin": set(DeskRight),
        "reviewer": {DeskRight.LOOK, DeskRight.DECIDE},
        "lead": {DeskRight.LOOK, DeskRight.DECIDE, DeskRight.LEAD},
    }


def test_who_is_there_is_left_as_they_are() -> None:
    first = {person.name: person.password for person in ensure_people()}
    reviewer = User.objects.get(username="reviewer")
    reviewer.groups.clear()

    again = ensure_people()

    assert [person.password for person in again] == [None, None, None]
    assert authenticate(username="lead", password=first["lead"]) is not None
    assert not reviewer.groups.exists()
    lines = describe_people(again)
    assert lines == [
        (
            "The password of `admin` and `reviewer` and `lead` was printed at the first start; "
            "`manage.py changepassword NAME` sets a new one."
        )
    ]


def test_a_demo_of_before_gets_those_it_lacks() -> None:
    User.objects.create_superuser("admin", password="known-word-1")

    lines = describe_people(ensure_people())

    assert [line.split()[0] for line in lines] == ["Sign", "reviewer", "lead", "The"]


def _call(person: Person) -> Caller:
    return call_as(User.objects.get(username=person.name))
