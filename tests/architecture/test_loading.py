"""What a command of the engine loads to start: not the pages, not what examples and libraries need for other work."""

import subprocess
import sys

import pytest

from config import env
from tests.architecture.sources import PROJECT_DIR

_TELL = (
    "import sys, manage\n"
    "sys.argv = ['manage.py', *sys.argv[1:]]\n"
    "try:\n    manage.main()\nexcept SystemExit as end:\n    print(end, file=sys.stderr)\n"
    "print('\\n'.join(sys.modules))\n"
)
# Seconds of CPU, all together, for what no command needs.
_NEVER = {
    "config.urls": "every page",
    "orchestration.admin": "the console",
    "escalation.api": "the API",
    "rest_framework.views": "the API",
    "drf_spectacular": "the API's description",
    "django.test": "tests",
    "prompt_toolkit": "a terminal's toolkit, which the library of expressions brings along",
    "typer": "as above",
    "rich.console": "tracebacks in colour",
    "config.services.launcher": "the embedded servers, and their clients",
    "sklearn": "an example's classifier",
    "numpy": "an example's classifier",
    "requests": "a client that nothing here uses",
}
# Seconds each: only who asks a model, or for its price.
_OF_MODELS = {
    "pydantic_ai": "clients of models",
    "openai": "a provider's client",
    "anthropic": "a provider's client",
    "google.genai": "a provider's client",
    "genai_prices": "the table of prices",
    "httpx2": "what these clients speak by",
}
_MODELS = '{"MODELS": {"fast": "openai:gpt-5-mini", "strong": "anthropic:claude-sonnet-5"}}'
# Only who starts something rings a bell.
_ONLY_TO_DISPATCH = {"celery.canvas": "messages", "celery.backends.redis": "chords"}


def _load(*words: str) -> set[str]:
    """Return what a command has loaded when it asks for the database, which is away."""
    away = env.for_child(
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        DJANGO_SETTINGS_MODULE="config.settings.local",
        RINGMASTER_OVERRIDES=_MODELS,
    )
    told = subprocess.run(
        [sys.executable, "-c", _TELL, *words],
        cwd=PROJECT_DIR,
        env=away,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "The database can't be used" in told.stderr
    return set(told.stdout.split())


@pytest.mark.parametrize(
    ("words", "banned"),
    [
        (("list_runs",), _NEVER | _ONLY_TO_DISPATCH),
        (("show_run", "0123abcd"), _NEVER | _ONLY_TO_DISPATCH),
        (("start_run", "demo"), _NEVER),
        (("list_tickets",), _NEVER),
    ],
    ids=["list_runs", "show_run", "start_run", "list_tickets"],
)
def test_a_command_loads_what_it_needs(words: tuple[str, ...], banned: dict[str, str]) -> None:
    banned = banned | _OF_MODELS
    assert {name: banned[name] for name in banned.keys() & _load(*words)} == {}


def test_a_worker_without_model_agents_loads_no_client_of_models() -> None:
    code = (
        "import sys, django; django.setup()\n"
        "import agents.providers, agents.invoke, config.celery, orchestration.worker, orchestration.tasks\n"
        "print('\\n'.join(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env=env.for_child(DJANGO_SETTINGS_MODULE="config.settings.local", RINGMASTER_OVERRIDES=_MODELS),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(told.stdout.split())
    assert "agents.providers.building" in loaded
    assert _OF_MODELS.keys() & loaded == set()
