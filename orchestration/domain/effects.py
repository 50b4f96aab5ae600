"""What a room of its own writes with the end of an attempt: in the same statement, or not at all. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effect:
    """One kind of rows that are written with an ending.

    Attributes:
        name: under which `AttemptEnd.effects` has its lines.
        columns: SQL types of a line's values, by name.
        insert: the INSERT and its SELECT, up to its FROM. `e` is a line; `d` is what ended: `id` (the step), `run_id`,
            `attempt_id`, and `now`, the time of the end.
        tail: of the INSERT, behind its FROM.
        after: what follows from it, by name: CTEs that read the one of the effect's own name, or each other.
    """

    name: str
    columns: Mapping[str, str]
    insert: str
    tail: str = ""
    after: tuple[tuple[str, str], ...] = ()

    @property
    def statement(self) -> str:
        """Return the whole INSERT; it reads what the statement around it calls `done`."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        lines = f"json_to_recordset(d.effects -> '{self.name}') AS e({columns})"
        return f"{self.insert} FROM done d, {lines} {self.tail}".rstrip()
