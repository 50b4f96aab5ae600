"""Starts throw-away servers before Django's settings load, and stops them when pytest ends, however it ends.

DATABASE_URL and CELERY_BROKER_URL, when set, are used as they are: the same suite runs on other servers. Of several
test processes side by side (`pytest -n`) each starts servers of its own: workers under test take from any queue.
"""

import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from config.services import launcher, throwaway
from config.services.record import read_records

# Which servers the process that distributes the tests has started for itself.
_STARTED = "RINGMASTER_TESTS_STARTED"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Have the servers up before pytest-django loads the settings in this same hook."""
    others = os.environ.get(_STARTED, "").split(",") if "PYTEST_XDIST_WORKER" in os.environ else []
    missing = tuple(
        name for name, url in launcher.URL_OF.items() if not os.environ.get(url) or name in others
    )
    if missing:
        _start(early_config, missing)
    return (yield)


def _start(config: pytest.Config, names: tuple[str, ...]) -> None:
    state_dir = throwaway.make_throwaway("tests")
    signal.signal(signal.SIGTERM, _interrupt)
    config.add_cleanup(lambda: throwaway.remove_throwaway(state_dir))
    launcher.start(state_dir, names, durable=False)
    records = read_records(state_dir)
    os.environ["RINGMASTER_STATE_DIR"] = str(state_dir)
    os.environ[_STARTED] = ",".join(names)
    if "postgres" in names:
        os.environ["DATABASE_URL"] = records["postgres"].database_url
    if "valkey" in names:
        os.environ["CELERY_BROKER_URL"] = records["valkey"].broker_url


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C, so that a cancelled CI job leaves no servers behind."""
    raise KeyboardInterrupt
