"""What a step's expressions read: what it is handed, what that lost, in inputs also memories and the run so far."""

from dataclasses import dataclass
from typing import Any

from agents.domain.calls import Calls
from agents.domain.reading_back import DIGEST, tell_so_far
from orchestration.domain.expressions import RECALLED, ExpressionFailed
from orchestration.evaluation import evaluate
from orchestration.executor.context import ClaimReader


@dataclass(frozen=True, slots=True)
class Reading:
    """What the expressions of a claimed step read. `lost`: of what it was handed; few ask for it."""

    values: dict[str, Any]
    lost: dict[str, int]
    calls: Calls
    reader: ClaimReader

    def evaluate(self, source: str) -> Any:
        """Return what an expression gives."""
        return self._evaluate(source, {})

    def is_true(self, condition: str) -> bool:
        """Return what a condition gives.

        Raises: ExpressionFailed: it gives something else than true or false.
        """
        answer = self.evaluate(condition)
        if not isinstance(answer, bool):
            raise ExpressionFailed(f"'{condition}': a condition must be true or false, this is {answer!r}")
        return answer

    def evaluate_input(self, source: str) -> Any:
        """Return what an expression of the step's input gives; the run so far is made where it is named."""
        more: dict[str, Any] = {}
        if RECALLED in source:
            more[RECALLED] = self.reader.entries
        if DIGEST in source:
            more[DIGEST] = tell_so_far(self.calls, self.reader)
        return self._evaluate(source, more)

    def _evaluate(self, source: str, more: dict[str, Any]) -> Any:
        lost = {"summary": self.lost} if "summary" in source else {}
        return evaluate(source, self.values | lost | more)
