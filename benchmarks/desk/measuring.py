"""Seeds, then asks for pages as a browser would: server time and statements of each. In a process of its own."""

import json
import os
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

import django
import psutil

django.setup()

from django.contrib.auth.models import User  # noqa: E402 - Django first
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from benchmarks.desk.seeding import seed  # noqa: E402
from escalation.admin.board.page import PERIODS  # noqa: E402
from escalation.figures import rebuild  # noqa: E402
from escalation.models import Ticket, read_clock  # noqa: E402

_TIMES = 7
_SLOW_MS = 100  # statements that take longer are printed
_INBOX = "/admin/escalation/ticket/"


def _list_pages(queues: list[int]) -> dict[str, str]:
    still, done = (
        Ticket.objects.filter(status=status).values_list("pk", flat=True) for status in ("open", "resolved")
    )
    first, closed = still.order_by("-due_at")[0], done.order_by("-pk")[0]
    middle = Ticket.objects.filter(status="open").order_by("due_at")[still.count() // 2]
    return {
        "home": "/admin/",
        "inbox": _INBOX,
        **{
            f"inbox, {state}": f"{_INBOX}?state={state}" for state in ("mine", "free", "breaching", "snoozed")
        },
        "inbox, from the middle on": f"{_INBOX}?after={middle.due_at.isoformat().replace('+', '%2B')}~{middle.pk}",
        "inbox, a queue": f"{_INBOX}?queue={queues[1]}",
        "inbox, an agent": f"{_INBOX}?agent=bench.agent3",
        "inbox, a rule": f"{_INBOX}?rule=bad_input",
        "inbox, a tag": f"{_INBOX}?tag=refund",
        **{f"inbox, {state}": f"{_INBOX}?state={state}" for state in ("resolved", "withdrawn", "all")},
        "inbox, a queue's resolved": f"{_INBOX}?state=resolved&queue={queues[1]}",
        "search, a common word": f"{_INBOX}?q=lamp",
        "search, a name": f"{_INBOX}?q=customer77",
        "search, a code": f"{_INBOX}?q=order-{first}",
        "search, a code among all": f"{_INBOX}?q=order-{closed}&state=all",
        "search, a common word among all": f"{_INBOX}?q=lamp&state=all",
        **{f"board, {period}": f"/admin/board/?period={period}" for period in PERIODS},
        "ticket, open": f"{_INBOX}{first}/change/",
        "ticket, resolved": f"{_INBOX}{closed}/change/",
    }


def _measure(client: Client, address: str) -> dict[str, Any]:
    """Return what a page takes: time, and CPU time of both sides, which other load changes less."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    answer = client.get(address)
    before, taken = _add_up(backend), []
    for _ in range(_TIMES):
        began = time.perf_counter()
        client.get(address)
        taken.append((time.perf_counter() - began) * 1_000)
    cpu = (_add_up(backend) - before) / _TIMES
    with CaptureQueriesContext(connection) as statements:
        client.get(address)
    slowest = max(statements.captured_queries, key=lambda one: float(one["time"]))
    return {
        "status": answer.status_code,
        "ms": round(statistics.median(taken)),
        "cpu_ms": round(cpu * 1_000),
        "statements": len(statements),
        "slowest_ms": round(float(slowest["time"]) * 1_000),
        "slowest": slowest["sql"],
    }


def _add_up(backend: psutil.Process) -> float:
    theirs = backend.cpu_times()
    return time.process_time() + theirs.user + theirs.system


def _look_as(person: User, pages: dict[str, str]) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    for name, address in pages.items():
        found = _measure(client, address)
        sys.stdout.write(
            f"{person.username:10} {name:32} {found['status']} {found['ms']:5} ms, CPU {found['cpu_ms']:4} ms"
        )
        sys.stdout.write(f", {found['statements']:3} statements, slowest {found['slowest_ms']:5} ms\n")
        if found["slowest_ms"] > _SLOW_MS:
            sys.stdout.write(f"    {found['slowest'][:1_500]}\n")
        sys.stdout.flush()


def main() -> None:
    """Seed, measure, print."""
    call_command("migrate", verbosity=0)
    tickets, still, reviewers = (int(one) for one in sys.argv[1:4])
    began = time.perf_counter()
    seeded = seed(tickets, still, reviewers)
    seconds = round(time.perf_counter() - began)
    rebuild(read_clock() - timedelta(days=91), read_clock())
    folded = round(time.perf_counter() - began) - seconds
    load = os.getloadavg()[0]
    head = {
        "tickets": tickets,
        "open": still,
        "reviewers": reviewers,
        "seeded_in_seconds": seconds,
        "hours_counted_in_seconds": folded,
        "load": load,
    }
    sys.stdout.write(json.dumps(head) + "\n")
    pages = _list_pages(seeded.queues)
    _look_as(seeded.reviewer, pages)
    boards = [name for name in pages if name.startswith("board")]
    _look_as(seeded.admin, {name: pages[name] for name in ("home", "inbox", *boards)})
    sys.stdout.write(f"load at the end: {os.getloadavg()[0]}\n")


if __name__ == "__main__":
    main()
