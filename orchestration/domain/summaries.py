"""What is handed instead of an original, and what a summary is kept under. Plain values.

Read next: `orchestration/handoff/shortening.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortened:
    """What is handed instead of an original that is over its share.

    Attributes: text: canonical JSON of it.  summarised_by: the summariser and its version.  loss_json: what is missing.
    """

    text: str
    digest: str
    tokens: int
    summarised_by: str
    loss_json: str


@dataclass(frozen=True, slots=True)
class SummaryKey:
    """What a summary is kept under.

    Attributes: pins_digest: of the pointers that are pinned; "" without any.
        summariser: who is asked, with its version; a text of somebody else may be kept under it where that gave none.
    """

    original_digest: str
    allowance_tokens: int
    pins_digest: str
    summariser: str
    tokenizer: str
