"""The use cases of a run, for views, commands, tests and users' code: `from orchestration import runs`.

run = runs.start("support-reply", {...}, idempotency_key="mail-17")
run = runs.wait(run.id, timeout_seconds=60)
"""

from orchestration.holds import AbortOutlook, foresee_abort, foresee_skip, lock_for_resolution, resolve_step
from orchestration.publishing import (
    Published,
    PublishedTopic,
    find_code_specs,
    find_code_topics,
    publish,
    publish_code_specs,
    publish_code_topics,
    set_threshold,
)
from orchestration.runs.bundling import bundle
from orchestration.runs.compare import Change, ChangeKind, compare_code_specs
from orchestration.runs.control import cancel, cancel_orphans, finish, pause, resume, retry
from orchestration.runs.forking import fork
from orchestration.runs.signals import signal, signal_by_callback
from orchestration.runs.starting import check_start, get_run, start, wait
from orchestration.runs.topping_up import top_up
from orchestration.runs.verifying import Verdict, verify

__all__ = [
    "AbortOutlook",
    "Change",
    "ChangeKind",
    "Published",
    "PublishedTopic",
    "Verdict",
    "bundle",
    "cancel",
    "cancel_orphans",
    "check_start",
    "compare_code_specs",
    "find_code_specs",
    "find_code_topics",
    "finish",
    "foresee_abort",
    "foresee_skip",
    "fork",
    "get_run",
    "lock_for_resolution",
    "pause",
    "publish",
    "publish_code_specs",
    "publish_code_topics",
    "resolve_step",
    "resume",
    "retry",
    "set_threshold",
    "signal",
    "signal_by_callback",
    "start",
    "top_up",
    "verify",
    "wait",
]
