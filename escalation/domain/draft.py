"""What a reviewer has typed so far: kept as typed, valid or not."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of the decision form as they stand.

    Attributes: output_text: the edited output, perhaps no valid JSON yet.  author: user name of who typed it.
    """

    output_text: str = ""
    feedback: str = ""
    note: str = ""
    author: str = ""

    def to_json(self) -> str:
        """Write it for storage; escapes keep it storable whatever was typed."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """Read it back; nothing stored is an empty draft."""
        return cls(**json.loads(text)) if text else cls()
