from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from escalation.models import Ticket
from tests.integration.escalation.desk import hold
from tests.people import make_member

SECRETS = [
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
]


@pytest.fixture
def anna(db: None) -> User:
    anna = make_member("anna", "reviewer")
    User.objects.filter(pk=anna.pk).update(email="anna@example.org")
    return anna


@pytest.fixture
def ben(db: None) -> User:
    ben = make_member("ben", "reviewer")
    User.objects.filter(pk=ben.pk).update(email="ben@example.org")
    return ben


@pytest.fixture
def ticket(db: None) -> Ticket:
    """The ticket of a draft that the agent was not sure of."""
    return hold()[0]


@pytest.fixture
def use_channels(settings: LazySettings) -> Any:
    """Name channels, with loopback listed, as an operator would."""

    def use(channels: dict[str, Any], **more: Any) -> None:
        settings.RINGMASTER = (
            settings.RINGMASTER
            | {
                "CHANNELS": channels,
                "SITE_URL": "https://desk.example.org",
                "EGRESS_NETWORKS": ["127.0.0.0/8"],
            }
            | more
        )

    return use


@pytest.fixture
def mail_to(settings: LazySettings, use_channels: Any) -> Any:
    """Let mail go to a server on a port of loopback."""

    def use(port: int, **more: Any) -> None:
        settings.EMAIL_BACKEND = "agents.egress.mail.CheckedMail"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        use_channels(
            {"mail": {"kind": "mail", "sender": "desk@example.org", "to": ["team@example.org"]}}, **more
        )

    return use


@pytest.fixture
def hook_to(use_channels: Any) -> Any:
    """Let a webhook go to an address."""

    def use(url: str, **more: Any) -> None:
        use_channels({"hook": {"kind": "webhook", "url": url, "secrets": SECRETS}}, **more)

    return use
