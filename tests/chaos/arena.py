"""Where a module's tests run: real workers and a maintainer on one database, restarted when they die, and judged."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import OperationalError, connection

from orchestration import WorkflowSpec, runs
from orchestration.models import Event, Run, Step
from tests.chaos.crashapp import agents as crash_agents  # noqa: F401 - publishing must know these agents
from tests.chaos.crashapp import journal, mutants, points
from tests.chaos.judge import Journal, Judge
from tests.processes import Child, ProcessStarter, child_env, wait_for

APPS = "tests.chaos.crashapp"
_FOLDERS = ("armed", "gates", "done")


@dataclass
class Supervised:
    """A child that is started again whenever it is found dead."""

    start: Callable[[], Child]
    child: Child
    restarts: int = 0

    def tend(self) -> None:
        if not self.child.is_running:
            self.child = self.start()
            self.restarts += 1


@dataclass
class Arena:
    """Starts workers and runs, arms crash points, waits, and judges."""

    folder: Path
    starter: ProcessStarter
    supervised: list[Supervised] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True)
        self.journal = Journal(self.folder / journal.NAME)
        self.judge = Judge(self.journal)
        self.env = {journal.FOLDER_VARIABLE: str(self.folder), "RINGMASTER_APPS": APPS}

    def worker(
        self,
        name: str = "steps",
        *,
        mutant: str = "",
        apps: str = APPS,
        supervise: bool = True,
        **options: Any,
    ) -> Child:
        """Start a worker and wait until it takes messages; supervised, it comes back when it dies."""
        env = {**self.env, mutants.VARIABLE: mutant, "RINGMASTER_APPS": apps}

        def start(*, wait: bool = False) -> Child:
            arguments: dict[str, Any] = {**options, **env}
            return self.starter.worker(name, wait=wait, **arguments)

        child = start(wait=True)
        if supervise:
            self.supervised.append(Supervised(start, child))
        return child

    def isolated_worker(self, name: str = "isolated", **options: Any) -> Child:
        return self.worker(name, queue="isolated", pool="prefork", concurrency=2, **options)

    def maintainer(self, **env: str) -> Child:
        child = self.starter.maintainer(**self.env, **env)
        child.wait_for_output("maintainer_leads")
        return child

    def start(self, spec: WorkflowSpec, value: dict[str, Any] | None = None) -> Run:
        """Publish a workflow, if it is new, and start a run of it."""
        runs.publish(spec)
        return runs.start(spec.name, value or {})

    def start_many(self, spec: WorkflowSpec, count: int) -> list[Run]:
        return [self.start(spec, {"number": number}) for number in range(count)]

    def start_by_client(self, spec: WorkflowSpec, count: int, *, seconds: float = 60) -> list[Run]:
        """Let a client process start runs; return those that were acknowledged to it."""
        runs.publish(spec)
        known = len(self.journal.lines("acknowledged"))
        client = self.starter.start("client", "manage.py", "start_runs", spec.name, str(count), **self.env)
        self.wait_until(lambda: not client.is_running, "the client's end", seconds=seconds)
        assert client.popen.returncode == 0, client.output()
        acknowledged = self.journal.lines("acknowledged")[known:]
        return [Run.objects.get(pk=line.run) for line in acknowledged]

    def repeat_messages(self, copies: int) -> None:
        """From now on the broker delivers each message so often, in an order of its own."""
        (self.folder / "repeat").write_text(str(copies))

    def arm(self, point: str, key: str) -> None:
        """Let the next process die that comes to this point in this step."""
        (self.folder / "armed" / points.name_file(point, key)).touch()

    def disarm(self, point: str, key: str) -> None:
        """Let nobody die any more at a point that no process came to."""
        (self.folder / "armed" / points.name_file(point, key)).unlink(missing_ok=True)

    def open_gate(self, name: str, *, attempt: int = 1) -> None:
        """Let the bodies go on that wait at this gate in this attempt of their step."""
        (self.folder / "gates" / f"{name}.{attempt}").touch()

    def wait_until(self, condition: Callable[[], object], what: str, *, seconds: float = 60) -> None:
        """Wait, and start what died meanwhile."""

        def look() -> object:
            for one in self.supervised:
                one.tend()
            return condition()

        wait_for(look, seconds=seconds, what=what)

    @contextmanager
    def nobody_ends(self) -> Iterator[None]:
        """Let no supervised worker end meanwhile: started again at once, it would hide that."""
        before = [one.child.pid for one in self.supervised]
        yield
        assert [one.child.pid for one in self.supervised] == before
        assert all(one.child.is_running for one in self.supervised)

    def wait_done(self, *started: Run, seconds: float = 60) -> None:
        """Wait until these runs are final; show where they stand when they never are."""
        keys = [run.pk for run in started]

        def are_done() -> bool:
            try:
                return not Run.objects.filter(pk__in=keys, status="running").exists()
            except OperationalError:
                connection.close()  # the database is away: so is what this connection was to
                return False

        try:
            self.wait_until(are_done, "the runs' end", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe(started)}") from error

    def wait_started(self, run: Run, key: str, *, times: int = 1) -> None:
        """Wait until a step's body has started so often."""
        facts = {"run": str(run.pk), "key": key}
        self.wait_until(lambda: len(self.journal.lines("start", **facts)) >= times, f"start {times} of {key}")

    def wait_status(self, run: Run, key: str, status: str) -> Step:
        """Wait until a step has a status and return it."""
        steps = Step.objects.filter(run=run, key=key, status=status)
        self.wait_until(steps.exists, f"{key} to be {status}")
        return steps.get()

    def find_faults(self, started: Iterable[Run], *, most_starts: int = 1) -> list[str]:
        """Return what the judge finds in runs that shall have succeeded."""
        faults = []
        for run in started:
            faults += self.judge.find_faults(run, most_starts=most_starts)
            if run.status != "succeeded":
                faults.append(f"run: it is {run.status}")
        return faults

    def describe(self, started: Iterable[Run]) -> str:
        """Return where runs stand and what the processes said last, for a failing test's message."""
        lines: list[str] = []
        for run in started:
            run.refresh_from_db()
            lines.append(f"{run} is {run.status}")
            lines += [
                f"  {step.key}: {step.status} attempt {step.attempt} on {step.queue} {step.reason}"
                for step in run.steps.exclude(status="succeeded")
            ]
            lines += [f"  {event.kind} {event.step_id} {event.data_json}" for event in run.events.all()][-12:]
        for child in self.starter.children:
            lines += [f"--- {child.name} ({child.popen.poll()})", *child.output().splitlines()[-12:]]
        return "\n".join(lines)

    def count_events(self, kind: str, *started: Run) -> int:
        return Event.objects.filter(kind=kind, run__in=started).count()

    def count_ran_on(self, key: str, *started: Run) -> int:
        """Return how often a step was claimed in place, without a message of its own."""
        claims = Event.objects.filter(kind="step_claimed", run__in=started, step__key=key)
        return claims.filter(data_json__contains='"ran_on":true').count()

    def end(self) -> None:
        self.starter.end_all()
        connection.close()


@contextmanager
def run_arena(folder: Path, servers: Mapping[str, str]) -> Iterator[Arena]:
    """Open an arena with a worker for each queue and a maintainer, on other servers than the tests' own.

    Args: servers: the variables that name them.
    """
    arena = Arena(folder / "evidence", ProcessStarter({**child_env(), **servers}, folder))
    try:
        arena.worker()
        arena.isolated_worker()
        arena.maintainer()
        yield arena
    finally:
        arena.end()
