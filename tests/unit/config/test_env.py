"""Environment variables: read, defaulted, and refused with the variable's name."""

from pathlib import Path

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


@pytest.mark.parametrize("app", ["examples.fraud", "examples.fraud.apps.FraudConfig"])
def test_an_app_is_a_package_or_a_class_of_its_apps(monkeypatch: pytest.MonkeyPatch, app: str) -> None:
    monkeypatch.setenv("RINGMASTER_APPS", f"examples.support,{app}")
    assert env.app_list("RINGMASTER_APPS") == ["examples.support", app]


@pytest.mark.parametrize(
    "app",
    ["nope", "examples.nope", "nope.apps.NopeConfig", "examples.fraud.nope.NopeConfig", ".fraud", "Nope"],
)
def test_an_app_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, app: str) -> None:
    monkeypatch.setenv("RINGMASTER_APPS", f"examples.support,{app}")
    with pytest.raises(BadEnvironment) as refused:
        env.app_list("RINGMASTER_APPS")
    assert f"RINGMASTER_APPS: there is no package '{app}': correct the name" in str(refused.value)


def test_what_an_app_itself_misses_is_not_called_a_wrong_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "__init__.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RINGMASTER_APPS", "lacking.desk")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        env.app_list("RINGMASTER_APPS")


@pytest.mark.parametrize("module", ["config.settings.nope", "nope.settings"])
def test_settings_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", module)
    with pytest.raises(BadEnvironment, match=f"DJANGO_SETTINGS_MODULE: there is no module '{module}'"):
        env.choose_settings("config.settings.local")


def test_settings_are_chosen_where_none_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "")
    env.choose_settings("config.settings.local")
    assert env.text("DJANGO_SETTINGS_MODULE") == "config.settings.local"


def test_overrides_are_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGMASTER_OVERRIDES", '{"LEASE_SECONDS": 3}')
    assert env.json_object("RINGMASTER_OVERRIDES") == {"LEASE_SECONDS": 3}


@pytest.mark.parametrize(("value", "reason"), [("{", "is not JSON"), ("[1]", "is a JSON list")])
def test_other_overrides_are_refused(monkeypatch: pytest.MonkeyPatch, value: str, reason: str) -> None:
    monkeypatch.setenv("RINGMASTER_OVERRIDES", value)
    with pytest.raises(BadEnvironment, match=f"^RINGMASTER_OVERRIDES {reason}"):
        env.json_object("RINGMASTER_OVERRIDES")
