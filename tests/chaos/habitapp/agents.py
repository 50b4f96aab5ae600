import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, transaction

from agents import Task, agent
from tests.chaos.crashapp.journal import note

_SECRETS = ("DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY", "RINGMASTER_OVERRIDES", "MY_SECRET")


@agent("habit.leave", timeout_seconds=20)
def leave(task: Task) -> str:
    """Leave behind on the connection what the run names."""
    if task.run_input["habit"] == "atomic":
        transaction.atomic().__enter__()
        Group.objects.create(name=f"lost {task.run_id}")
    else:
        with connection.cursor() as cursor:
            cursor.execute(task.run_input["habit"])
    return "left"


@agent("habit.look", timeout_seconds=20)
def look(task: Task) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user::text, current_setting('search_path'), current_setting('TimeZone')"
        )
        return {"session": cursor.fetchone(), "groups": Group.objects.filter(name__startswith="lost").count()}


@agent("habit.fork", timeout_seconds=20)
def fork(task: Task) -> str:
    note("start", run=task.run_id, key=task.step_key, token=task.token)
    child = os.fork()
    if child == 0:
        return "the copy's"
    os.waitpid(child, 0)
    return "the parent's"


@agent("habit.pool", queue="isolated", timeout_seconds=30)
def pool(task: Task) -> dict[str, Any]:
    """Work with processes of its own, each way there is."""
    answers: dict[str, Any] = {}
    with ProcessPoolExecutor(2) as executor:
        answers["executor"] = list(executor.map(abs, [-1, -2]))
    with multiprocessing.Pool(2) as workers:
        answers["pool"] = workers.map(abs, [-3, -4])
    contexts: dict[str, Any] = {name: multiprocessing.get_context(name) for name in ("fork", "spawn")}
    for method, context in contexts.items():
        child = context.Process(target=abs, args=(-5,))
        child.start()
        child.join()
        answers[method] = child.exitcode
    return answers


@agent("habit.leave_child", queue="isolated", timeout_seconds=30)
def leave_child(task: Task) -> int:
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    return child.pid or 0


@agent("habit.die_with_child", queue="isolated", timeout_seconds=30)
def die_with_child(task: Task) -> None:
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    note("child", run=task.run_id, child=child.pid)
    os.kill(os.getpid(), signal.SIGKILL)


@agent("habit.change_process", queue="isolated", timeout_seconds=30)
def change_process(task: Task) -> int:
    os.chdir("/")
    os.umask(0)
    os.environ["ACME_KEY"] = "of one tenant"
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    return os.getpid()


@agent("habit.look_around", queue="isolated", timeout_seconds=30)
def look_around(task: Task) -> dict[str, Any]:
    mask = os.umask(0o77)
    os.umask(mask)
    parents = [os.getpid(), os.getppid()]
    shown = {
        entry.partition(b"=")[0].decode(): len(entry.partition(b"=")[2])
        for pid in parents
        for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    }
    child = subprocess.run(
        [sys.executable, "-c", "import os; print('DATABASE_URL' in os.environ)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        "folder": str(Path.cwd()),
        "umask": mask,
        "tenant": os.environ.get("ACME_KEY"),
        "handler": signal.getsignal(signal.SIGUSR2) is signal.SIG_IGN,
        "environment": [name for name in _SECRETS if name in os.environ],
        "proc": [name for name in _SECRETS if shown.get(name)],
        "own": os.environ.get("MODEL_KEY"),
        "child": child.stdout.strip(),
        "database": Group.objects.count() >= 0,
    }
