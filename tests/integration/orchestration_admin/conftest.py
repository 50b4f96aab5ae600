from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client


def make_staff(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name, password="pw", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def operator(db: None) -> Client:
    """Someone who may see runs, workflows, workers and tickets."""
    client = Client()
    client.force_login(
        make_staff("olga", "view_run", "view_workflow", "view_workerprocess", "view_ticket", "view_step")
    )
    return client


@pytest.fixture
def visitor(db: None) -> Client:
    """Staff without any permission here."""
    client = Client()
    client.force_login(make_staff("victor"))
    return client


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())
