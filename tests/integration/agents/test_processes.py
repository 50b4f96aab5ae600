import subprocess
import sys

import pytest

# In a process of its own: forking a test process that has threads is what other tools warn about.
FORK = """
import os
from agents import Task, agent
from agents.invoke import invoke
@agent("test.pid")
async def pid(task): return os.getpid()
task = Task(None, {}, None, "r", "s", 1, "t", "k")
assert invoke("test.pid", task, timeout_seconds=5).output == os.getpid()
child = os.fork()
if child == 0:
    right = invoke("test.pid", task, timeout_seconds=5).output == os.getpid()
    os._exit(0 if right else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert invoke("test.pid", task, timeout_seconds=5).output == os.getpid()
"""
SIGNAL = """
import os, signal
from billiard.common import reset_signals
from agents import Task, agent
from agents.invoke import invoke
@agent("test.told_to_end")
def told_to_end(task): os.kill(os.getpid(), signal.SIGTERM)
reset_signals()
print("invoking", flush=True)
invoke("test.told_to_end", Task(None, {}, None, "r", "s", 1, "t", "k"), timeout_seconds=5)
print("survived")
"""
FORKING = """
import os, sys, asyncio
from agents import Task, agent
from agents.invoke import invoke
task = Task(None, {{}}, None, "r", "s", 1, "t", "k")
def fork_and(ending):
    child = os.fork()
    if child == 0:
        ending()
        return "the copy's answer"
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def fail(): raise ValueError("the copy has an error")
@agent("test.returns")
def returns(task): return fork_and(lambda: None)
@agent("test.exits")
def exits(task): return fork_and(lambda: sys.exit(3))
@agent("test.fails")
def fails(task): return fork_and(fail)
@agent("test.later")
async def later(task):
    await asyncio.sleep(0)
    return fork_and(lambda: None)
@agent("test.aside")
async def aside(task): return await asyncio.to_thread(fork_and, lambda: None)
outcome = invoke("test.{name}", task, timeout_seconds=20)
print(os.getpid(), getattr(outcome, "output", outcome))
"""
IN_A_WORKERS_THREAD = """
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from agents import Task, agent
from agents.invoke import invoke
@agent("test.child")
def child(task):
    process = multiprocessing.get_context("fork").Process(target=abs, args=(-1,))
    process.start()
    process.join(20)
    return process.exitcode
task = Task(None, {}, None, "r", "s", 1, "t", "k")
with ThreadPoolExecutor(1) as pool:
    print(pool.submit(invoke, "test.child", task, timeout_seconds=25).result().output)
"""
CONNECTED = """
import os
import agents.invoke
from agents.sessions.base import DatabaseWrapper
DatabaseWrapper._connection_pools["default"] = object()
child = os.fork()
if child == 0:
    os._exit(len(DatabaseWrapper._connection_pools))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(DatabaseWrapper._connection_pools))
"""


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_forked_child_has_a_loop_of_its_own() -> None:
    finished = run_script(FORK)
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("returns", 0, ""),
        ("exits", 3, ""),
        ("fails", 1, "ValueError: the copy has an error"),
        ("later", 0, ""),
        ("aside", 0, ""),
    ],
)
def test_only_the_process_that_made_the_call_has_its_outcome(name: str, status: int, said: str) -> None:
    finished = run_script(FORKING.format(name=name))
    assert finished.returncode == 0, finished.stderr
    # The last line only: on a busy machine the log says that a coroutine that waits for a process holds its loop.
    assert finished.stdout.splitlines()[-1].split()[1:] == [str(status)]
    assert said in finished.stderr


def test_a_process_that_a_worker_s_thread_forks_ends_well() -> None:
    finished = run_script(IN_A_WORKERS_THREAD)
    assert finished.stdout == "0\n", finished.stderr


def test_a_forked_copy_takes_no_connection_from_its_parent_s_pool() -> None:
    finished = run_script(CONNECTED)
    assert finished.stdout == "0 1\n", finished.stderr


def test_a_worker_process_that_is_told_to_end_ends() -> None:
    finished = run_script(SIGNAL)
    assert finished.stdout == "invoking\n", finished.stderr
    assert finished.returncode != 0
