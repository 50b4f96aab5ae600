"""How a spec wants the fields of a proposal met: what they are called, which are folded, which hold an address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import urlsplit

from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.visible import mark_unseen
from orchestration.domain.spec import Review
from orchestration.domain.visible import is_unseen

_SCHEMES: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Manner:
    """What a spec says of the field at one place, and of those within it. Lists are passed through: each item counts.

    Attributes: place: dotted; "" for the whole value.  labels, fold, links, main: by place, as `Review` has them.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    fold: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    main: str = ""
    place: str = ""

    @classmethod
    def of(cls, review: Review | None) -> Self:
        """Return what a review says of the whole value."""
        if review is None:
            return cls()
        return cls(review.labels, frozenset(review.fold), frozenset(review.links), review.main)

    def below(self, key: str) -> "Manner":
        """Return what is said of a property of the value."""
        return replace(self, place=f"{self.place}.{key}" if self.place else key)

    @property
    def name(self) -> SafeString:
        """Return what people call the field: as the spec says, else its key in words."""
        key = self.place.rpartition(".")[2]
        return mark_unseen(self.labels.get(self.place) or key.replace("_", " ").strip() or key)

    @property
    def is_named(self) -> bool:
        """Tell whether the spec gives it, or something within it, a name."""
        return any(self._holds(place) for place in self.labels)

    @property
    def is_main(self) -> bool:
        """Tell whether it is, or holds, what is to be read first."""
        return self._holds(self.main)

    @property
    def is_folded(self) -> bool:
        """Tell whether it is shown only when asked for."""
        return self.place in self.fold

    def show_link(self, text: str) -> SafeString | None:
        """Return a text of this place as a link; None if the spec names no link here, or the text is no plain one.

        The link shows its whole address. One that hides where it leads (unseen characters, a host before an @, letters
        that look like others) stays the text that it is.
        """
        if self.place not in self.links or not _is_address(text):
            return None
        return format_html('<a href="{0}" rel="noopener noreferrer nofollow" target="_blank">{0}</a>', text)

    def _holds(self, place: str) -> bool:
        return place == self.place or place.startswith(f"{self.place}.")


def _is_address(text: str) -> bool:
    if any(is_unseen(character) or character.isspace() or character == "\\" for character in text):
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(host) and parts.netloc.isascii() and "@" not in parts.netloc
