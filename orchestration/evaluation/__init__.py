"""Evaluating expressions: cheap ones in place, those that could run long in a helper process under a limit.

The library can't be interrupted and holds the interpreter while it works: a loop in a loop over a hundred values would
stop a worker with its heart. Only its process can be ended. Read next: `helper.py`, then `child.py`.
"""

import time
from typing import Any

from orchestration.conf import get_conf
from orchestration.domain import expressions
from orchestration.domain.expressions import ExpressionFailed
from orchestration.evaluation.helper import Helpers

__all__ = ["Allowance", "AllowanceSpent", "evaluate"]

_helpers = Helpers()


def evaluate(source: str, values: dict[str, Any]) -> Any:
    """Evaluate an expression over JSON values; the result is plain JSON.

    Raises: ExpressionFailed: a missing key, a wrong type, no JSON, more work than is allowed; names the expression.
    """
    if not expressions.is_dear(source, values):
        return expressions.evaluate(source, values)
    conf = get_conf()
    return _helpers.evaluate(source, values, conf.EXPRESSION_SECONDS, conf.EXPRESSION_HELPERS)


class AllowanceSpent(ExpressionFailed):
    """Expressions that had so much work together have used it up; this one was not looked at, or not to its end."""


class Allowance:
    """Seconds of work that several expressions have together.

    What counts is the time of this thread and of the helpers, not what a busy machine lets them wait: the same
    expressions over the same values get as far each time.
    """

    def __init__(self, seconds: float) -> None:
        """Begin with all of it."""
        self.seconds = seconds

    def spend(self, seconds: float) -> None:
        """Take from it what was used elsewhere."""
        self.seconds -= seconds

    def is_dear(self, source: str, values: dict[str, Any]) -> bool:
        """Return whether an expression goes to a helper. Counting the values is work too."""
        began = time.thread_time()
        try:
            return expressions.is_dear(source, values)
        finally:
            self.spend(time.thread_time() - began)

    def evaluate(self, source: str, values: dict[str, Any]) -> Any:
        """As `evaluate`, within what is left.

        Raises: ExpressionFailed. AllowanceSpent.
        """
        if self.seconds <= 0:
            raise AllowanceSpent("it was not looked at")
        if self.is_dear(source, values):
            return self._evaluate_elsewhere(source, values)
        began = time.thread_time()
        try:
            return expressions.evaluate(source, values)
        finally:
            self.spend(time.thread_time() - began)

    def _evaluate_elsewhere(self, source: str, values: dict[str, Any]) -> Any:
        conf = get_conf()
        seconds = min(self.seconds, conf.EXPRESSION_SECONDS)
        if seconds <= 0:
            raise AllowanceSpent("it was not looked at")
        try:
            return _helpers.evaluate(source, values, seconds, conf.EXPRESSION_HELPERS, self.spend)
        except ExpressionFailed as error:
            if self.seconds <= 0 and seconds < conf.EXPRESSION_SECONDS:
                raise AllowanceSpent(str(error)) from error
            raise
