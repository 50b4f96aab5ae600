"""`python -m benchmarks.model_calls [--calls N] [--rounds N]`: what keeping a request to a model costs, in one run.

A model server on the loopback interface answers at once. In turn, in one run, it is asked by the provider's client
alone, by an agent of the library alone, and by the same agent with each request kept in the journal; and once more as
a later attempt finds the requests that were done. Whole answers and streamed ones. Servers of its own.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from typing import Any

import django

from benchmarks.calls import read_servers
from benchmarks.machinery import PROJECT, PYTHON, open_bench

_KINDS = ("whole", "streamed")
_WAYS = ("client", "agent", "journaled", "answered")
_REPLY = {"text": "Your tent left our store on Monday and should be with you by Thursday. " * 4, "times": 0}
Figures = tuple[float, float, float]


def main() -> None:
    """Start servers, let a process of its own measure, and print what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        pids, url = options.inside
        measure(options.calls, options.rounds, [int(pid) for pid in pids.split(",")], url)
        return
    with open_bench() as bench:
        script = bench.state_dir / "script.json"
        script.write_text(json.dumps([_REPLY]))
        serve = ("model_server", str(script), "--port", "0", "--chunk-seconds", "0")
        server = subprocess.Popen(
            (PYTHON, "manage.py", *serve), cwd=PROJECT, env=bench.env, stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[1].split(";")[0]
        command = (PYTHON, "-m", "benchmarks.model_calls", "--calls", str(options.calls), "--rounds")
        inside = (str(options.rounds), "--inside", ",".join(map(str, bench.server_pids)), url)
        try:
            subprocess.run((*command, *inside), cwd=PROJECT, env=bench.env, check=True)
        finally:
            server.terminate()
            server.wait()


def measure(calls: int, rounds: int, server_pids: list[int], url: str) -> None:
    """Measure and print, in a process that talks to the servers."""
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - Django first

    call_command("migrate", verbosity=0)
    taken: dict[tuple[str, str], list[Figures]] = {(kind, way): [] for kind in _KINDS for way in _WAYS}
    for number in range(rounds + 1):
        for kind in _KINDS:
            for way, figures in Round(calls, server_pids, kind).run(url):
                if number:  # the first one imports, connects and builds
                    taken[kind, way].append(figures)
    for (kind, way), rows in taken.items():
        medians = [statistics.median(column) * 1_000 / calls for column in zip(*rows, strict=True)]
        names = ("ms", "cpu_ms_of_worker", "cpu_ms_of_servers")
        ratios = [row[0] / client[0] for row, client in zip(rows, taken[kind, "client"], strict=True)]
        told = {name: round(value, 3) for name, value in zip(names, medians, strict=True)}
        ratio = round(statistics.median(ratios), 2)
        print(json.dumps({"kind": kind, "way": way, **told, "ratio_to_client": ratio}))
    print(json.dumps({"calls": calls, "rounds": rounds, "load": os.getloadavg()[0]}))


class Round:
    """One run in which all ways take their turn."""

    def __init__(self, calls: int, server_pids: list[int], kind: str) -> None:
        self._calls, self._server_pids, self._kind = calls, server_pids, kind
        self._seen: list[tuple[str, Figures]] = []

    def run(self, url: str) -> list[tuple[str, Figures]]:
        """Let one step ask in all ways, and return what each took."""
        from django.conf import settings  # noqa: PLC0415 - Django first
        from django.test import override_settings  # noqa: PLC0415

        from agents import TransientError  # noqa: PLC0415
        from orchestration import Retry, StepSpec, WorkflowSpec  # noqa: PLC0415
        from orchestration.testing import call, run_workflow, scripted  # noqa: PLC0415

        self._error = TransientError
        retry = Retry(backoff_base_seconds=0, jitter_seconds=0)
        spec = WorkflowSpec(
            name="bench-model-calls", steps=(StepSpec("work", agent=self._declare(), retry=retry),)
        )
        price = {"input_usd_per_million": "1", "output_usd_per_million": "1"}
        entry = {
            "model": "openai:scripted",
            "base_url": url,
            "price": price,
            "stream": self._kind == "streamed",
        }
        models = {f"bench-{self._kind}": entry}
        with override_settings(RINGMASTER={**settings.RINGMASTER, "MODELS": models}):
            done = run_workflow(spec, models={"outer": scripted([call("ask"), "done"])})
        if done.status != "succeeded":
            raise SystemExit(f"the run is {done.status}: {done.run.reason}")
        return self._seen

    def _declare(self) -> str:
        from pydantic_ai import Agent, RunContext  # noqa: PLC0415

        from agents import Call, model_agent  # noqa: PLC0415

        name = f"bench.asker_{self._kind}_{id(self)}"

        @model_agent(name)
        def asker(durable: Any) -> Any:
            outer = Agent("outer", capabilities=durable, name="outer", deps_type=Call)
            kept = Agent(f"bench-{self._kind}", capabilities=durable, name="inner", deps_type=Call)

            @outer.tool
            async def ask(ctx: RunContext[Call]) -> str:
                await self._ask_all(kept, ctx.deps)
                return "asked"

            return outer

        return name

    async def _ask_all(self, kept: Any, call: Any) -> None:
        if call.task.attempt > 1:
            await self._note("answered", lambda: kept.run("Where is my tent?", deps=call))
            return
        from pydantic_ai import Agent  # noqa: PLC0415

        from agents.providers import build_model  # noqa: PLC0415

        model = build_model(f"bench-{self._kind}")
        plain = Agent(model)
        await self._note("client", lambda: self._ask_client(model))
        await self._note("agent", lambda: self._ask_agent(plain))
        await self._note("journaled", lambda: kept.run("Where is my tent?", deps=call))
        raise self._error("so that the requests are answered from the journal")

    async def _ask_client(self, model: Any) -> None:
        from pydantic_ai.messages import ModelRequest, UserPromptPart  # noqa: PLC0415
        from pydantic_ai.models import ModelRequestParameters  # noqa: PLC0415

        asked = [ModelRequest(parts=[UserPromptPart("Where is my tent?")])], None, ModelRequestParameters()
        if self._kind == "whole":
            await model.request(*asked)
            return
        async with model.request_stream(*asked) as stream:
            async for _ in stream:
                pass

    async def _ask_agent(self, plain: Any) -> None:
        if self._kind == "whole":
            await plain.run("Where is my tent?")
            return
        async with plain.run_stream("Where is my tent?") as stream:
            async for _ in stream.stream_text(delta=True, debounce_by=None):
                pass

    async def _note(self, way: str, ask: Callable[[], Awaitable[Any]]) -> None:
        before, began, busy = read_servers(self._server_pids), time.perf_counter(), time.process_time()
        for _ in range(self._calls):
            await ask()
        spent, worked = time.perf_counter() - began, time.process_time() - busy
        self._seen.append((way, (spent, worked, read_servers(self._server_pids) - before)))
        await asyncio.sleep(0)


if __name__ == "__main__":
    main()
