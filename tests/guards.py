"""Takes a guard out of a statement of the engine, for tests that show that it would be missed."""

from dataclasses import replace
from typing import Any

from orchestration.transitions.ending import Ending


def cut(statement: Any, guard: str, instead: str = "") -> Any:
    """Return a statement, or an ending with its statement, in which `instead` stands for a guard.

    Raises: AssertionError: the guard does not stand there: a mutant that changes nothing proves nothing.
    """
    text = statement.statement if isinstance(statement, Ending) else statement
    if guard not in text:
        raise AssertionError(f"the guard {guard!r} is not in the statement")
    mutant = text.replace(guard, instead)
    return replace(statement, statement=mutant) if isinstance(statement, Ending) else mutant
