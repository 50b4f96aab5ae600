"""A line of the log: said once, with its level, with one time stamp, and no local variables."""

import logging

import pytest
import structlog

from config.logs import UtcFormatter

log = structlog.get_logger("orchestration.test")


def test_what_is_said_keeps_its_level_and_gets_its_time_from_whoever_writes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="orchestration"):
        log.info("worker_entered", name="steps@desk", process=7)
        log.warning("breaker_changed", now="open")
    assert [(record.levelname, record.name) for record in caplog.records] == [
        ("INFO", "orchestration.test"),
        ("WARNING", "orchestration.test"),
    ]
    assert caplog.messages == ["worker_entered name=steps@desk process=7", "breaker_changed now=open"]


def test_what_is_below_the_level_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="orchestration"):
        log.info("maintainer_swept")
    assert caplog.messages == []


def test_an_exception_is_told_without_the_values_of_variables(caplog: pytest.LogCaptureFixture) -> None:
    password = "secret-" + str(len("word"))
    try:
        int(password[:1])
    except ValueError:
        log.exception("duty_failed", duty="ring")
    assert caplog.messages == ["duty_failed duty=ring"]
    assert caplog.text.count("Traceback") == 1
    assert "ValueError: invalid literal" in caplog.text
    assert "secret-4" not in caplog.text


def test_a_line_is_written_in_utc() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 1, "said", (), None)
    record.created = 0.0
    assert UtcFormatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ").format(record) == (
        "1970-01-01T00:00:00Z said"
    )


def test_secrets_are_masked_in_lines_of_ours_and_of_others(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="orchestration"):
        log.warning("broker_away", error="redis://:s3cret-word@db:6379 refused")
    assert caplog.messages == ["broker_away error='redis://:[redacted]@db:6379 refused'"]
    record = logging.LogRecord("other", logging.INFO, "", 1, "sent password=s3cret-word", (), None)
    assert UtcFormatter("%(message)s").format(record) == "sent password=[redacted]"
