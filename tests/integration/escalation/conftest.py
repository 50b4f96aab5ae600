import pytest
from django.contrib.auth.models import Permission, User

from escalation.models import Ticket
from tests.integration.escalation.desk import hold


def _reviewer(name: str) -> User:
    person = User.objects.create_user(name, password="secret-word", is_staff=True)
    names = ("view_ticket", "change_ticket")
    person.user_permissions.set(Permission.objects.filter(codename__in=names))
    return person


@pytest.fixture
def anna(db: None) -> User:
    return _reviewer("anna")


@pytest.fixture
def ben(db: None) -> User:
    return _reviewer("ben")


@pytest.fixture
def ticket(db: None) -> Ticket:
    """The ticket of a draft that the agent was not sure of."""
    return hold()[0]
