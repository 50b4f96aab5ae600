"""Starts the process that beats for this one, and for those that are forked from it."""

import json
import os
import socket
import subprocess
import sys
from typing import Final

from psycopg.conninfo import make_conninfo

from agents.admission import COUNT_CALLS
from orchestration.conf import get_conf
from orchestration.worker import pacemaker
from orchestration.worker.sessions import read_parameters

_started: Final[list[subprocess.Popen[bytes]]] = []


def overdue_patience() -> float:
    """Return how many seconds after its step's deadline a thread, or a child, counts as lost.

    By then the maintainer has freed the step; whoever performs it can't write any more.
    """
    conf = get_conf()
    return conf.DEADLINE_GRACE_SECONDS + conf.LEASE_SECONDS / 3


def implant_pacemaker() -> socket.socket:
    """Start a pacemaker and return the socket by which processes come to it.

    It ends when all ends of that socket are closed and all who came are gone.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        # -P: the folder of this program is no place to import from; its names are not meant for all.
        command = [sys.executable, "-P", pacemaker.__file__, str(theirs.fileno())]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()], start_new_session=True
        )
    if child.stdin is not None:
        with child.stdin:
            child.stdin.write(json.dumps(_describe_terms()).encode() + b"\n")
    _started[:] = [one for one in _started if one.poll() is None] + [child]
    return ours


def _describe_terms() -> dict[str, object]:
    conf = get_conf()
    return {
        "conninfo": make_conninfo(**read_parameters("ringmaster heart")),
        "owner": os.getpid(),
        "heartbeat_seconds": conf.HEARTBEAT_SECONDS,
        "lease_seconds": conf.LEASE_SECONDS,
        "patience_seconds": overdue_patience(),
        "count_calls": COUNT_CALLS,
    }
