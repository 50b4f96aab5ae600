"""Environment variables: read, defaulted, and refused with the variable's name."""

import pytest

from config import env
from config.errors import BadEnvironment


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "  ")
    assert env.text("SOMETHING", "default") == "default"


def test_a_required_variable_names_itself_and_its_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(BadEnvironment, match=r"^SECRET_KEY is not set: set it to a random text\.$"):
        env.required("SECRET_KEY", "a random text")


@pytest.mark.parametrize("value", ["-1", "1.5", "many", "٣x"])
def test_a_number_is_a_whole_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DATABASE_POOL_SIZE", value)
    with pytest.raises(BadEnvironment, match="DATABASE_POOL_SIZE is"):
        env.whole_number("DATABASE_POOL_SIZE", 16)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("Yes", True), ("off", False), ("", True)])
def test_flags(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("SECURE", value)
    assert env.flag("SECURE", default=True) is expected


def test_a_flag_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(BadEnvironment, match="DEBUG is 'maybe'"):
        env.flag("DEBUG", default=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ["a"]), ("none", []), ("b, c,", ["b", "c"]), ("examples.fraud", ["examples.fraud"])],
)
def test_lists(monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]) -> None:
    monkeypatch.setenv("RINGMASTER_APPS", value)
    assert env.comma_list("RINGMASTER_APPS", "a") == expected


def test_overrides_are_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGMASTER_OVERRIDES", '{"LEASE_SECONDS": 3}')
    assert env.json_object("RINGMASTER_OVERRIDES") == {"LEASE_SECONDS": 3}


@pytest.mark.parametrize(("value", "reason"), [("{", "is not JSON"), ("[1]", "is a JSON list")])
def test_other_overrides_are_refused(monkeypatch: pytest.MonkeyPatch, value: str, reason: str) -> None:
    monkeypatch.setenv("RINGMASTER_OVERRIDES", value)
    with pytest.raises(BadEnvironment, match=f"^RINGMASTER_OVERRIDES {reason}"):
        env.json_object("RINGMASTER_OVERRIDES")
