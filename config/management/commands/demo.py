"""`manage.py demo`: everything started, the examples fed, what happened printed; serves until Ctrl-C."""

import io
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import env, services
from config.demo.feeding import Feeding, Progress, feed, list_feeds, read_messages, watch
from config.demo.people import ensure_people
from config.demo.preparation import prepare_database
from config.demo.report import (
    ProgressBar,
    describe_actors,
    describe_approvals,
    describe_links,
    describe_people,
    describe_result,
)
from config.demo.stage import Stage, StageRecord, listens, set_stage
from config.errors import ServiceError
from config.services import launcher
from config.supervisor import Supervisor

_STARTED = "RINGMASTER_DEMO_STARTED"


class Command(BaseCommand):
    """Prepare, start, feed, report, serve, stop."""

    help = "Run the whole product on this machine with the examples at work; Ctrl-C stops everything."
    # The servers come before the database: nothing may be checked against it here.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how long to stay."""
        parser.add_argument("--once", action="store_true", help="end after the messages instead of serving")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it in order; whatever was started here is stopped here."""
        # SIGINT too: what a script starts in the background inherits that it is ignored, and could not be interrupted.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        # Whoever reads from a file or a pipe (`| tee demo.log`) is told the password and the links while it serves.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        state_dir = env.state_dir()
        to_stop: tuple[str, ...] = ()
        try:
            to_stop = self._start_services(state_dir)
            record = StageRecord(state_dir)
            to_stop = record.claim(to_stop)
            try:
                self._run(record, once=options["once"])
            finally:
                record.remove()
        except ServiceError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nStopping ...")
        finally:
            if to_stop:
                launcher.stop(state_dir, to_stop)

    def _start_services(self, state_dir: Path) -> tuple[str, ...]:
        """Start the servers; return those that were not running."""
        before = _addresses(state_dir)
        names = tuple(name for name, url in launcher.URL_OF.items() if not env.text(url))
        started = (*env.comma_list(_STARTED), *launcher.start(state_dir, names))
        if _addresses(state_dir) != before:
            # The settings were made before the servers had these addresses: begin again with them.
            self.stdout.flush()
            env.replace_process([sys.executable, *sys.argv], **{_STARTED: ",".join(started)})
        return started

    def _run(self, record: StageRecord, *, once: bool) -> None:
        self.stdout.write("Preparing the database ...")
        prepare_database()
        self._present_people()
        stage = set_stage()
        supervisor = Supervisor(settings.BASE_DIR, record.state_dir / "logs")
        for line in stage.moved_ports():
            self.stdout.write(line)
        try:
            supervisor.start(stage.programs())
            record.remember(supervisor)
            self._show(stage, supervisor, record, once=once)
        finally:
            supervisor.stop()

    def _present_people(self) -> None:
        for line in describe_people(ensure_people()):
            self.stdout.write(line)

    def _show(self, stage: Stage, supervisor: Supervisor, record: StageRecord, *, once: bool) -> None:
        if stage.model_port is not None and not listens(stage.model_port, within_seconds=60):
            raise ServiceError(f"The model server did not start: see {supervisor.log_dir / 'models.log'}.")
        feeding, progress = self._feed()
        self._feed_team()
        if not listens(stage.web_port, within_seconds=60):
            raise ServiceError(f"The console did not start: see {supervisor.log_dir / 'web.log'}.")
        has_flower = listens(stage.flower_port, within_seconds=60)
        for line in describe_links(feeding, stage, has_flower=has_flower):
            self.stdout.write(line)
        for line in (*describe_actors(stage), *describe_approvals(feeding, stage)):
            self.stdout.write(line)
        if progress.failed:
            raise ServiceError(
                f"{progress.failed} of {progress.total} runs failed: see `manage.py list_runs`."
            )
        if not once:
            self._serve(supervisor, record)

    def _feed(self) -> tuple[Feeding, Progress]:
        messages = {each.workflow: read_messages(settings.BASE_DIR / each.path) for each in list_feeds()}
        for workflow, those in messages.items():
            self.stdout.write(f"Feeding {len(those)} messages to the workflow {workflow} ...")
        started = time.monotonic()
        feeding = feed(messages)
        progress = watch(feeding, ProgressBar(sys.stdout).show)
        for line in describe_result(feeding, progress, time.monotonic() - started):
            self.stdout.write(line)
        return feeding, progress

    def _feed_team(self) -> None:
        if apps.is_installed("examples.desk_team"):
            self.stdout.write("Feeding three days of messages to the desk team, whose members are actors ...")
            call_command("feed_team", stdout=self.stdout)
            self.stdout.write(
                "Questions that only people can answer wait: docs/howto/desk-team.md says how to go on."
            )

    def _serve(self, supervisor: Supervisor, record: StageRecord) -> None:
        """Stay until Ctrl-C; tell when something died and was started again."""
        self.stdout.write("Serving until Ctrl-C ...")
        known = supervisor.restarts()
        while True:
            time.sleep(1)
            now = supervisor.restarts()
            for name in now:
                if now[name] != known[name]:
                    self.stdout.write(
                        f"{name} died and is started again (log: {supervisor.log_dir / name}.log)"
                    )
            if now != known:
                record.remember(supervisor)
            known = now


def _addresses(state_dir: Path) -> tuple[str, str]:
    return (
        services.database_url(env.text("DATABASE_URL"), state_dir),
        services.broker_url(env.text("CELERY_BROKER_URL"), state_dir),
    )


def _interrupt(_signal_number: int, _frame: FrameType | None) -> None:
    """Treat a request to end like Ctrl-C."""
    raise KeyboardInterrupt
