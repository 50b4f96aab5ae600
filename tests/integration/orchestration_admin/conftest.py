from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.people import make_member


def sign_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def operator(db: None) -> Client:
    """Someone who may see and start what is in the default project."""
    return sign_in(make_member("olga", "operator"))


@pytest.fixture
def reviewer(db: None) -> Client:
    """Someone who may see and decide what is in the default project."""
    return sign_in(make_member("rita", "reviewer"))


@pytest.fixture
def visitor(db: None) -> Client:
    """Staff who are members of nothing, with all of Django's own permissions."""
    person = User.objects.create_user("victor", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    return sign_in(person)


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())
