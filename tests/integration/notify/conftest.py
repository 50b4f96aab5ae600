import pytest
from django.contrib.auth.models import User

from escalation.models import Ticket
from tests.integration.escalation.desk import hold
from tests.people import make_member


@pytest.fixture
def anna(db: None) -> User:
    return make_member("anna", "reviewer")


@pytest.fixture
def ben(db: None) -> User:
    return make_member("ben", "reviewer")


@pytest.fixture
def ticket(db: None) -> Ticket:
    """The ticket of a draft that the agent was not sure of."""
    return hold()[0]
