from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from agents.checks import check_settings
from agents.conf import get_conf
from agents.domain.circuit import Limits


def ids() -> list[str | None]:
    return [message.id for message in check_settings()]


def test_the_defaults_are_more_than_five_failures_in_a_minute(settings: Settings) -> None:
    settings.RINGMASTER = {}
    assert get_conf().limits_of("any") == Limits(5, 60, 30, 600)
    assert get_conf().capacity_of("gpu") == 1
    assert ids() == []


def test_an_agent_s_own_numbers_leave_the_others(settings: Settings) -> None:
    settings.RINGMASTER = {
        "BREAKER_PAUSE_SECONDS": 7,
        "BREAKERS": {"support.sentiment": {"failures": 50}},
        "POOLS": {"gpu": 2},
    }
    assert get_conf().limits_of("support.sentiment") == Limits(50, 60, 7, 600)
    assert get_conf().limits_of("any") == Limits(5, 60, 7, 600)
    assert get_conf().capacity_of("gpu") == 2


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"BREAKER_FAILURES": 0}, "BREAKER_FAILURES"),
        ({"BREAKER_FAILURES": 2.5}, "BREAKER_FAILURES"),
        ({"BREAKERS": {"a": {"failures": 2.5}}}, "failures is 2.5; give a whole number"),
        ({"BREAKERS": {"a": {"pause_seconds": 1e400}}}, "pause_seconds is inf"),
        ({"BREAKER_WINDOW_SECONDS": "60"}, "BREAKER_WINDOW_SECONDS"),
        ({"BREAKERS": {"a": {"failures": -1}}}, "failures"),
        ({"BREAKERS": {"a": {"fails": 1}}}, "fails"),
        ({"BREAKERS": {"a": 5}}, "BREAKERS"),
        ({"BREAKERS": ["a"]}, "BREAKERS"),
        ({"POOLS": {"gpu": -1}}, r"POOLS'\]\['gpu'\]"),
        ({"POOLS": {"gpu": 1.5}}, r"POOLS'\]\['gpu'\]"),
        ({"POOLS": {"gpu": 2**64}}, r"POOLS'\]\['gpu'\] must be a whole number from 0 to"),
        ({"POOLS": {"gpu": True}}, r"POOLS'\]\['gpu'\]"),
        ({"POOLS": ["gpu"]}, "POOLS"),
    ],
)
def test_a_wrong_value_is_refused_by_name(given: dict[str, Any], word: str, settings: Settings) -> None:
    settings.RINGMASTER = given
    with pytest.raises(ImproperlyConfigured, match=word):
        get_conf()
    assert ids() == ["agents.E001"]


def test_numbers_for_an_agent_nobody_has_are_pointed_out(settings: Settings) -> None:
    settings.RINGMASTER = {"BREAKERS": {"support.sentimnet": {"failures": 50}}}
    assert ids() == ["agents.W001"]
