"""Production settings refuse what is insecure; Celery's settings are those the engine relies on."""

import ast
import subprocess
import sys

import pytest

from config import celery_app
from tests.architecture.sources import PROJECT_DIR

_GOOD = {
    "SECRET_KEY": "k3y" * 10 + "abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "example.org",
    "DATABASE_URL": "postgresql://u:p@h/n",
    "CELERY_BROKER_URL": "redis://h/0",
}


_SAFE = "p.DEBUG, p.SESSION_COOKIE_SECURE, p.INSTALLED_APPS[-1]"


def _load_production(names: str = _SAFE, /, **variables: str) -> subprocess.CompletedProcess[str]:
    code = f"import config.settings.production as p; print({names})"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_settings_load() -> None:
    answer = _load_production(**_GOOD, RINGMASTER_APPS="examples.support")
    assert (answer.returncode, answer.stdout) == (0, "False True examples.support\n")


@pytest.mark.parametrize(
    ("apps", "overrides", "pools"),
    [
        ("examples.support", "", {"mail": 2}),
        ("examples.support,examples.fraud", '{"POOLS": {"mail": 5}}', {"mail": 5, "gpu": 1}),
        ("", "", {}),
    ],
)
def test_production_knows_how_large_the_examples_pools_are(
    apps: str, overrides: str, pools: dict[str, int]
) -> None:
    answer = _load_production(
        "p.RINGMASTER['POOLS']", **_GOOD, RINGMASTER_APPS=apps, RINGMASTER_OVERRIDES=overrides
    )
    assert ast.literal_eval(answer.stdout) == pools


_NO_PRICE = {"input_usd_per_million": "0", "output_usd_per_million": "0"}


@pytest.mark.parametrize(
    ("apps", "variables", "models"),
    [
        ("examples.support", {}, {}),
        (
            "examples.assistant",
            {},
            {"model": "openai:scripted", "base_url": "http://127.0.0.1:8765/v1", "price": _NO_PRICE},
        ),
        (
            "examples.assistant",
            {"ASSISTANT_BASE_URL": "http://127.0.0.1:9/v1"},
            {"model": "openai:scripted", "base_url": "http://127.0.0.1:9/v1", "price": _NO_PRICE},
        ),
        ("examples.assistant", {"ASSISTANT_MODEL": "openai:gpt-5-mini"}, {"model": "openai:gpt-5-mini"}),
        (
            "examples.assistant",
            {"ASSISTANT_MODEL": "openai:llama3", "ASSISTANT_BASE_URL": "http://127.0.0.1:9/v1"},
            {"model": "openai:llama3", "base_url": "http://127.0.0.1:9/v1", "price": _NO_PRICE},
        ),
        (
            "examples.assistant",
            {"RINGMASTER_OVERRIDES": '{"MODELS": {"assistant": {"model": "google:gemini-2.5-flash"}}}'},
            {"model": "google:gemini-2.5-flash"},
        ),
    ],
)
def test_the_assistant_asks_a_script_or_the_model_that_somebody_named(
    apps: str, variables: dict[str, str], models: dict[str, object]
) -> None:
    answer = _load_production("p.RINGMASTER['MODELS']", **_GOOD, RINGMASTER_APPS=apps, **variables)
    assert ast.literal_eval(answer.stdout) == ({"assistant": models} if models else {})


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ASSISTANT_MODEL": "gpt-5-mini"}, "['model']: write 'provider:model', such as 'openai:gpt-5-mini'"),
        ({"ASSISTANT_MODEL": "acme:one"}, "['model']: there is no provider 'acme'"),
        ({"ASSISTANT_BASE_URL": "127.0.0.1"}, "['base_url']: write http:// or https://"),
    ],
)
def test_a_model_of_the_assistant_that_can_not_be_used_is_refused_with_the_variables(
    variables: dict[str, str], words: str
) -> None:
    answer = _load_production(**_GOOD, RINGMASTER_APPS="examples.assistant", **variables)
    assert answer.returncode == 1
    last = answer.stderr.splitlines()[-1]
    assert "ASSISTANT_MODEL and ASSISTANT_BASE_URL: " in last
    assert words in last


@pytest.mark.parametrize("name", ["MODELS", "POOLS"])
def test_what_is_no_object_stays_for_the_checks_to_refuse(name: str) -> None:
    overrides = f'{{"{name}": ["fast"]}}'
    apps = "examples.assistant,examples.fraud"
    answer = _load_production(
        f"p.RINGMASTER['{name}']", **_GOOD, RINGMASTER_APPS=apps, RINGMASTER_OVERRIDES=overrides
    )
    assert ast.literal_eval(answer.stdout) == ["fast"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DEBUG": "true"}, "DEBUG is on"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "django-insecure-" + "abcdefghij" * 5}, "SECRET_KEY is a default or too short"),
        ({"SECRET_KEY": "short-but-random"}, "SECRET_KEY is a default or too short"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY is a default or too short"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"CELERY_BROKER_URL": ""}, "CELERY_BROKER_URL is not set"),
    ],
)
def test_production_settings_refuse(change: dict[str, str], message: str) -> None:
    answer = _load_production(**{**_GOOD, **change})
    assert answer.returncode == 1
    assert message in answer.stderr.splitlines()[-1]


def test_the_broker_neither_retries_nor_remembers() -> None:
    conf = celery_app.conf
    assert [queue.name for queue in conf.task_queues] == ["steps", "isolated"]
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.task_ignore_result) == (
        True,
        True,
        True,
    )
    assert (conf.task_create_missing_queues, conf.worker_prefetch_multiplier) == (False, 1)
    assert (conf.accept_content, conf.beat_schedule) == (["json"], {})
    assert conf.result_backend.endswith("/1")
