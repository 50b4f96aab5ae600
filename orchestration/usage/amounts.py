"""What an agent can say that it used, as its receipt has it and as the line that is written of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestration.domain.receipts import canonical

TOKENS = ("input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Used:
    """What was used. None: nothing was said of it.

    Attributes: input_tokens, output_tokens: as the provider counts them.  cost_usd: in US dollars, as precise as said.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None

    def __bool__(self) -> bool:
        """Return whether anything was said."""
        return self != Used()

    @property
    def line(self) -> dict[str, Any]:
        """Return what was said, as JSON has it: the cost is a text."""
        said = {name: getattr(self, name) for name in TOKENS}
        said["cost_usd"] = None if self.cost_usd is None else f"{self.cost_usd:f}"
        return {name: value for name, value in said.items() if value is not None}

    @property
    def words(self) -> str:
        """Return what was said, as people read it; "" for nothing."""
        said = [
            f"{count:,} tokens {way}"
            for count, way in ((self.input_tokens, "in"), (self.output_tokens, "out"))
            if count is not None
        ]
        said += [] if self.cost_usd is None else [f"{self.cost_usd:f} US dollars"]
        return ", ".join(said)

    @property
    def json(self) -> str:
        """Return canonical JSON of it, as receipts and seals digest it."""
        return canonical(self.line)


def read_used(said: Mapping[str, Any]) -> Used:
    """Return what an agent's result, or a row, says was used."""
    cost = said.get("cost_usd")
    return Used(
        said.get("input_tokens"), said.get("output_tokens"), None if cost is None else Decimal(str(cost))
    )
