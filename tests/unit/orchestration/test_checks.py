"""Wrong settings are named with what to do, and the right ones pass."""

import base64
import math
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.checks import CheckMessage

from orchestration.checks import check_names, check_paths, check_sessions, check_values
from orchestration.conf import get_conf


def _told(messages: list[CheckMessage]) -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in messages]


def test_the_projects_own_settings_pass() -> None:
    assert check_names() == []
    assert check_values() == []


@pytest.mark.parametrize("name", ["LEASE_SECOND", "lease_seconds", "TICKET_CLAIM_SECOND", "SIGNINGKEY"])
def test_a_misspelled_name_is_an_error_with_the_right_one(settings: LazySettings, name: str) -> None:
    settings.RINGMASTER = {name: 1}
    (message,) = check_names()
    assert (message.id, message.msg) == (
        "orchestration.E001",
        f"RINGMASTER['{name}']: no installed app reads this name",
    )
    assert message.hint is not None
    assert message.hint.startswith("Did you mean ")


def test_a_name_like_none_is_a_warning(settings: LazySettings) -> None:
    settings.RINGMASTER = {"MY_OWN_NUMBER": 1}
    assert [message.id for message in check_names()] == ["orchestration.W001"]


def test_a_name_that_an_app_declares_is_known_while_it_is_installed(settings: LazySettings) -> None:
    settings.RINGMASTER = {"SUPPORT_MODELS_DIR": "/srv/models"}
    assert check_names() == []

    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "examples.support"]
    assert [message.id for message in check_names()] == ["orchestration.W001"]


def test_a_declared_name_that_is_misspelled_is_an_error(settings: LazySettings) -> None:
    settings.RINGMASTER = {"SUPPORT_MODEL_DIR": "/srv/models"}
    (message,) = check_names()
    assert (message.id, message.hint) == ("orchestration.E001", "Did you mean SUPPORT_MODELS_DIR?")


@pytest.mark.parametrize("value", [0, -1.5, "15", None, True, math.nan, math.inf, 10**400])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("LEASE_SECONDS", "a number above 0 and at most 316,224,000"),
        ("CRASH_LIMIT", "a whole number above 0 and at most 2,147,483,647"),
        ("CHAIN_LINKS", "a whole number above 0 and at most 2,147,483,647"),
    ],
)
def test_a_number_that_is_none_is_an_error(
    settings: LazySettings, name: str, wanted: str, value: Any
) -> None:
    settings.RINGMASTER = {name: value}
    told = f"RINGMASTER['{name}'] must be {wanted}, this is {value!r:.80}"
    assert _told(check_values()) == [("orchestration.E002", told)]


def test_every_wrong_value_is_named_at_once(settings: LazySettings) -> None:
    settings.RINGMASTER = {
        "CRASH_LIMIT": 2.5,
        "FLOWER_URL": 5555,
        "MAINTENANCE_DUTIES": "a.b",
        "DEFAULT_MIN_CONFIDENCE": 1.5,
        "SIGNING_KEY": 7,
    }
    assert [text.partition(", this is")[0] for _, text in _told(check_values())] == [
        "RINGMASTER['MAINTENANCE_DUTIES'] must be a list of texts",
        "RINGMASTER['SIGNING_KEY'] must be a text",
        "RINGMASTER['FLOWER_URL'] must be a text",
        "RINGMASTER['CRASH_LIMIT'] must be a whole number above 0 and at most 2,147,483,647",
        "RINGMASTER['DEFAULT_MIN_CONFIDENCE'] must be a number from 0 to 1",
    ]


def test_a_whole_number_of_seconds_is_one_of_seconds(settings: LazySettings) -> None:
    settings.RINGMASTER = {"STEP_TIMEOUT_SECONDS": 8, "DEFAULT_MIN_CONFIDENCE": 0}
    assert check_values() == []
    found = get_conf()
    assert (found.STEP_TIMEOUT_SECONDS, type(found.STEP_TIMEOUT_SECONDS)) == (8.0, float)
    assert found.DEFAULT_MIN_CONFIDENCE == 0.0


@pytest.mark.parametrize(("lease", "is_wrong"), [(6.0, False), (5.99, True)])
def test_a_lease_lasts_three_beats(settings: LazySettings, lease: float, is_wrong: bool) -> None:
    settings.RINGMASTER = {"LEASE_SECONDS": lease, "HEARTBEAT_SECONDS": 2.0}
    assert [message.id for message in check_values()] == (["orchestration.E003"] if is_wrong else [])


@pytest.mark.parametrize("key", ["short", "ä" * 44, base64.b64encode(b"x" * 33).decode()])
def test_a_malformed_signing_key_is_an_error_that_says_how_to_make_one(
    settings: LazySettings, key: Any
) -> None:
    settings.RINGMASTER = {"SIGNING_KEY": key}
    (message,) = check_values()
    assert message.id == "orchestration.E004"
    assert "os.urandom(32)" in (message.hint or "")


def test_a_good_signing_key_passes(settings: LazySettings) -> None:
    settings.RINGMASTER = {"SIGNING_KEY": base64.b64encode(b"x" * 32).decode()}
    assert check_values() == []


@pytest.mark.parametrize(
    "given", [{"ESCALATOR": "no.such.Escalator"}, {"MAINTENANCE_DUTIES": ["escalation.watch.absent"]}]
)
def test_a_path_that_leads_nowhere_is_an_error(settings: LazySettings, given: dict[str, Any]) -> None:
    settings.RINGMASTER = given
    assert [message.id for message in check_paths()] == ["orchestration.E007"]


def test_the_database_is_left_alone_unless_it_is_asked_for() -> None:
    assert check_sessions() == []
    assert check_sessions(databases=["other"]) == []
