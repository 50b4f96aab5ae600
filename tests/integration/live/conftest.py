from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.conftest import start_web
from tests.processes import ProcessStarter, child_env


@pytest.fixture(autouse=True)
def _django_db_helper(committed_db: None) -> None:
    """These tests commit on several connections and make runs of their own: one flush a module will do."""


@pytest.fixture(scope="module")
def starter(committed_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStarter]:
    starter = ProcessStarter(child_env(), tmp_path_factory.mktemp("live"))
    yield starter
    starter.end_all()


@pytest.fixture(scope="module")
def web(starter: ProcessStarter) -> str:
    """One web process for the module; return its address."""
    return start_web(starter)


@pytest.fixture(scope="module")
def cookie(committed_db: None) -> str:
    """The session of somebody who sees all projects."""
    return sign_in(User.objects.create_superuser("olga"))


def sign_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"
