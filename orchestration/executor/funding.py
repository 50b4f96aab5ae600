"""What pays for the calls of one claim: the pots above its step, as its last call found them."""

from agents.domain.calls import CallKind, CallWish
from agents.domain.usage import Reservation
from agents.errors import ModelUnpriced, Suspended
from orchestration.domain.budget import PotState, Short, Unit, describe_left
from orchestration.domain.states import StepKind
from orchestration.domain.work import Claim
from orchestration.journal.writing import Funds


class Funding:
    """The pots of one claim; none where nothing limits its step. People's time is only told: no call takes any.

    Attributes: left: as the last call found it; of people's time, as the claim did.
        short: the pot that a call did not fit into; the attempt ends for it.
    """

    def __init__(self, pots: tuple[PotState, ...]) -> None:
        self._pots = tuple(pot for pot in pots if pot.unit is not Unit.HUMAN_SECONDS)
        self._of_people = tuple(pot for pot in pots if pot.unit is Unit.HUMAN_SECONDS)
        self.left = describe_left(pots)
        self.short: Short | None = None

    @property
    def pots(self) -> list[int]:
        """Return the ids of the pots."""
        return [pot.id for pot in self._pots]

    def draw(self, claim: Claim, wish: CallWish, reservation: Reservation | None) -> Funds | None:
        """Return what a call is paid from; None where nothing limits its calls.

        Raises: Suspended: a call before it did not fit.  ModelUnpriced: money is limited, and nobody knows the price.
        """
        if not self._pots or wish.kind is CallKind.MEMORY:
            return None  # a look costs nothing of what budgets limit
        if self.short is not None:
            raise Suspended(wish.path)
        # What was done is undone, whatever it costs.
        is_must = claim.kind is StepKind.COMPENSATION
        is_priced = reservation is None or reservation.micro_usd is not None
        if not is_priced and not is_must and any(pot.unit is Unit.MICRO_USD for pot in self._pots):
            raise ModelUnpriced(wish.name)
        return Funds(tuple(self.pots), reservation or Reservation(), is_must)

    def note_reserved(
        self, wish: CallWish, reserved: Short | tuple[PotState, ...], under_way: int = 0
    ) -> None:
        """Keep how the pots stand.

        Args: under_way: so many calls of the step are.
        Raises: Suspended: the call does not fit into one of them.
        """
        if isinstance(reserved, Short):
            self.short = reserved.with_calls(under_way)
            raise Suspended(wish.path)
        self.note(reserved)

    def note(self, pots: tuple[PotState, ...]) -> None:
        """Keep how the pots stand."""
        if pots:
            self._pots, self.left = pots, describe_left((*pots, *self._of_people))
