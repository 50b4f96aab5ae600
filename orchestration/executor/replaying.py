"""Which stored call answers one that an agent makes now: what was done is looked at here before anything is begun.

A path names a call, and most are answered by what stands under theirs. Four things change that: a raised version of the
agent's contract, a memory that others changed before this step could, a person's feedback, and ids of tool calls that a
model chooses anew when it is asked anew.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

from agents.domain.calls import CallKind, CallWish
from agents.errors import CallDiverged
from orchestration.domain.receipts import digest_text
from orchestration.domain.work import Claim
from orchestration.journal.reading import CallBegun, KeptCall

_OTHER_EFFECT: Final = (
    "it has effects, and before the agent or what it remembers changed it was called with other arguments, as {path}: "
    "look whether both are wanted"
)
_ANEW: Final = frozenset({CallKind.MODEL, CallKind.APPROVAL, CallKind.TOOL, CallKind.MEMORY})


@dataclass(frozen=True, slots=True)
class Edition:
    """What makes a step ask anew under the same journal: its agent's version, and memories that others changed."""

    version: int
    conflicts: int = 0

    @property
    def mark(self) -> str:
        """Return what stands behind the paths of such calls; "" for those of the first."""
        return (f"~v{self.version}" if self.version > 1 else "") + (
            f"~c{self.conflicts}" if self.conflicts else ""
        )

    def comes_after(self, call: KeptCall) -> bool:
        """Return whether a call was made before this edition."""
        return call.version < self.version or not call.path.endswith(self.mark)


class Replay:
    """The calls of a step's journal as one attempt finds them.

    Args: edition: of what is asked now.  load: reads the calls that were done, by path.
        load_begun: reads calls of tools that were begun for former versions, and not done.
    """

    def __init__(
        self,
        claim: Claim,
        edition: Edition,
        load: Callable[[], dict[str, KeptCall]],
        load_begun: Callable[[], list[CallBegun]],
    ) -> None:
        self._claim = claim
        self._edition = edition
        self._load, self._load_begun = load, load_begun
        self._kept: dict[str, KeptCall] | None = None
        self._begun: list[CallBegun] | None = None
        self._met: set[str] = set()
        self._is_anew = False

    @property
    def kept(self) -> dict[str, KeptCall]:
        """Return what was done, read once."""
        if self._kept is None:
            self._kept = self._load()
        return self._kept

    @property
    def met(self) -> Collection[str]:
        """Return the paths of the calls that this attempt was answered from here, not those that it made."""
        return self._met

    @property
    def known(self) -> tuple[str, ...]:
        """Return the paths of all that this attempt has read; nothing is read for it."""
        return tuple(self._kept or ())

    def address(self, wish: CallWish) -> CallWish:
        """Return a call under the path that it has in this journal.

        In a later edition requests to models, approvals, tools and looks begin anew. A model is asked anew, too,
        where a person's feedback made another request of it; and people are, where they sent back a step whose calls
        were other ones than they had approved.
        """
        if wish.kind in _ANEW:
            wish = replace(wish, path=f"{wish.path}{self._edition.mark}")
        found = self.kept.get(wish.path)
        is_other = found is not None and found.request_digest != wish.digest
        if wish.kind is CallKind.APPROVAL and self._claim.feedback and is_other:
            return replace(wish, path=f"{wish.path}~{self._claim.revision}")
        if wish.kind is not CallKind.MODEL or not self._claim.feedback or not (is_other or self._is_anew):
            return wish
        self._is_anew = True
        return replace(wish, path=f"{wish.path}~{self._claim.revision}")

    def find(self, wish: CallWish) -> KeptCall | None:
        """Return what answers a call; where models were asked anew, also what did the same tool's work before."""
        found = self.kept.get(wish.path)
        if found is None and wish.kind is CallKind.TOOL:
            twins = (call for call in self._list_before(wish) if call.request_digest == wish.digest)
            found = next((call for call in twins if call.path not in self._met), None)
        if found is not None:
            self._met.add(found.path)
        return found

    def take_over(self, wish: CallWish) -> CallWish:
        """Return a call that nothing has answered under the path of one that was begun for a former version.

        It may have happened: it is made again under the same key, or a person is asked.

        Raises: CallDiverged: that version had something else done by a tool with effects, and this one did not ask for
            it: a person decides.
        """
        if not self._edition.mark or not wish.has_effects or wish.path in self.kept:
            return wish
        if self._begun is None:
            self._begun = self._load_begun()
        begun = [call for call in self._begun if call.name == wish.name and call.path not in self._met]
        same = next((call for call in begun if call.request_digest == wish.digest), None)
        if same is not None:
            self._met.add(same.path)
            return replace(wish, path=same.path)
        done = [call.path for call in self._list_before(wish)]
        others = [path for path in (*(call.path for call in begun), *done) if path not in self._met]
        if others and not self._is_anew:
            raise CallDiverged(wish.path, _OTHER_EFFECT.format(path=others[0]))
        return wish

    def _list_before(self, wish: CallWish) -> list[KeptCall]:
        """Return what a tool did before its model was asked anew: all of it, or what it did for a former edition."""
        return [
            call
            for call in self.kept.values()
            if call.name == wish.name
            and (self._is_anew or (wish.has_effects and self._edition.comes_after(call)))
        ]

    def keep(self, wish: CallWish, response_json: str) -> None:
        """Note what was answered now."""
        digest = digest_text(response_json)
        self.kept[wish.path] = KeptCall(
            wish.path, wish.name, wish.digest, digest, response_json, self._edition.version
        )
