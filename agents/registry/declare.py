"""The decorator: checks a declaration once, at import, so that no step meets a wrong one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel

from agents.domain import contract as rules
from agents.domain.catalogue import AgentFunction, RegisteredAgent, catalogue
from agents.domain.contract import AgentContract, Queue
from agents.errors import AgentRefused
from agents.registry.schemas import compile_schema

Function = TypeVar("Function", bound=AgentFunction)
Schema = Mapping[str, Any] | type[BaseModel]


def agent(
    name: str,
    *,
    timeout_seconds: float | None = None,
    queue: str = Queue.STEPS,
    version: int = 1,
    input_schema: Schema | None = None,
    output_schema: Schema | None = None,
    effects: Iterable[str] = (),
    reversible: bool = True,
    pools: Mapping[str, int] = MappingProxyType({}),
    **unknown: object,
) -> Callable[[Function], Function]:
    """Register a function, `def` or `async def`, as the agent of this name.

    Args:
        name: dotted lower-case identifiers, such as `crm.history`.
        timeout_seconds: deadline of one attempt, unless the step sets its own.
        queue: `steps` (threads), or `isolated` (one per process, for what burns CPU, hangs or crashes).
        version: raise it when the agent's behaviour changes; receipts name it.
        input_schema: JSON Schema or pydantic model the input must meet.
        output_schema: JSON Schema or pydantic model the output must meet.
        effects: what the agent does to the outside world, in words for a reviewer.
        reversible: whether those effects can be taken back.
        pools: slots that each step of it holds while it runs, by pool, such as `{"gpu": 1}`.
        **unknown: refused by name.

    Returns:
        A decorator that returns the function unchanged, so that it stays a plain function in unit tests.

    Raises:
        AgentRefused: the declaration is wrong; names the argument.
        DuplicateAgent: another function has this name.
    """
    _refuse_unknown(name, unknown)
    checked = rules.check_name(name)
    input_check = compile_schema(checked, "input_schema", input_schema)
    output_check = compile_schema(checked, "output_schema", output_schema)
    contract = AgentContract(
        name=checked,
        version=rules.check_version(checked, version),
        queue=rules.check_queue(checked, queue),
        timeout_seconds=rules.check_timeout(checked, timeout_seconds),
        input_schema=input_check.json_schema if input_check else None,
        output_schema=output_check.json_schema if output_check else None,
        effects=rules.check_effects(checked, effects),
        reversible=rules.check_reversible(checked, reversible),
        pools=rules.check_pools(checked, pools),
    )

    def register(function: Function) -> Function:
        _check_function(checked, function)
        declared = _locate(contract, function)
        catalogue.add(RegisteredAgent(declared, function, _place(function), input_check, output_check))
        return function

    return register


def _refuse_unknown(name: object, unknown: Mapping[str, object]) -> None:
    if unknown:
        known = [
            key for key, kind in inspect.signature(agent).parameters.items() if kind.kind is kind.KEYWORD_ONLY
        ]
        raise AgentRefused(
            f"agent {name}: unknown argument {', '.join(sorted(unknown))}; remove it. "
            f"Known are {', '.join(known)}"
        )


def _check_function(name: str, function: object) -> None:
    if not callable(function) or inspect.isclass(function):
        raise AgentRefused(
            f"agent {name}: {function!r:.80} is not a function; put @agent above a def or async def"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise AgentRefused(f"agent {name}: {_qualified_name(function)} yields; return one answer instead")
    try:
        inspect.signature(function).bind(object())
    except TypeError as error:
        raise AgentRefused(
            f"agent {name}: {_qualified_name(function)} must take one argument, the task ({error})"
        ) from None


def _locate(contract: AgentContract, function: AgentFunction) -> AgentContract:
    return replace(
        contract,
        description=(inspect.getdoc(function) or "").partition("\n")[0].strip(),
        module=getattr(function, "__module__", "") or "",
        function=_qualified_name(function),
    )


def _qualified_name(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _place(function: AgentFunction) -> str:
    # Two functions of the same name in one file differ only by their line.
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "no source line"
