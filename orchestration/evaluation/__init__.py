"""Evaluating expressions: cheap ones in place, those that could run long in a helper process under a limit.

The library can't be interrupted and holds the interpreter while it works: a loop in a loop over a hundred values would
stop a worker with its heart. Only its process can be ended. Read next: `helper.py`, then `child.py`.
"""

from typing import Any

from orchestration.conf import get_conf
from orchestration.domain import expressions
from orchestration.evaluation.helper import Helpers

__all__ = ["evaluate"]

_helpers = Helpers()


def evaluate(source: str, values: dict[str, Any]) -> Any:
    """Evaluate an expression over JSON values; the result is plain JSON.

    Raises: ExpressionFailed: a missing key, a wrong type, no JSON, more work than is allowed; names the expression.
    """
    if not expressions.is_dear(source, values):
        return expressions.evaluate(source, values)
    conf = get_conf()
    return _helpers.evaluate(source, values, conf.EXPRESSION_SECONDS, conf.EXPRESSION_HELPERS)
