"""What a reviewer has typed so far: kept as typed, valid or not."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Draft:
    """The decision form as it stands.

    Attributes:
        fields: the edited output as typed, by name of the field; see `editing.py`.
        author: user name of who typed it.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    feedback: str = ""
    note: str = ""
    author: str = ""

    def to_json(self) -> str:
        """Write it for storage; ASCII escapes keep it storable whatever was typed."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """Read it back; nothing stored is an empty draft."""
        return cls(**json.loads(text)) if text else cls()
