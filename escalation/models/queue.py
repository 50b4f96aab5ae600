"""Review queues, and how a queue's tickets are handed to people and decided."""

from difflib import get_close_matches
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from agents.selectors import find_contract, known_names
from escalation.domain.assignment import POLICY_WORDS, Policy
from orchestration.models import Project

DEFAULT_QUEUE = "default"
MOST_SEATS: Final = 20
MOST_GRACE_SECONDS: Final = 86_400


def default_warnings() -> list[int]:
    """Return when a new queue warns."""
    return [50, 75, 100]


class ReviewQueue(models.Model):
    """One team's tickets, and by which rules the team works.

    Which ticket goes where say the project's routing rules; behind the last of them, a queue named like the ticket's
    SLA class gets it, `default` the others.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    slug = models.SlugField(max_length=100)
    name = models.CharField(max_length=200)
    is_restricted = models.BooleanField(
        default=False,
        help_text="Only the roles given below count. Admins of the project see that the queue exists, "
        "nobody else does; pages of runs hide what its tickets ask about.",
    )

    # Who gets a ticket.
    assignment = models.CharField(
        max_length=12,
        choices=[(p.value, POLICY_WORDS[p]) for p in Policy],
        default=Policy.PULL.value,
        help_text="An assigned ticket is the first in that person's “next”; after half the time for a first look it "
        "is free for all again.",
    )
    needs_all_tags = models.BooleanField(
        "only who has all tags",
        default=False,
        help_text="Only people who have all tags of a ticket are offered it and may claim it.",
    )

    # How it is decided.
    seats = models.PositiveSmallIntegerField(
        default=1, help_text="How many people look at a ticket, each on their own. 1: one person decides."
    )
    votes_needed = models.PositiveSmallIntegerField(
        default=1, help_text="How many of them must decide alike; at most as many as there are seats."
    )
    grace_seconds = models.PositiveIntegerField(
        default=0,
        help_text="For so long a decision can be taken back before it takes effect. 0: it takes effect at once.",
    )
    bulk_allowed = models.BooleanField(
        default=True, help_text="Several alike tickets may be decided together."
    )
    hand_on_agents = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Agents that a step may be handed to, beside those its workflow names.",
    )
    reasons_required = ArrayField(
        models.CharField(max_length=10),  # a `ResolutionKind`; a further kind asks for no migration
        default=list,
        blank=True,
        help_text="Decisions that need a reason code.",
    )
    passing_edits = ArrayField(
        models.CharField(max_length=100),
        default=list,
        blank=True,
        help_text="Fields of an output whose edit does not count against the agent, such as a greeting.",
    )

    # Its clock, its mail, and the pace of what feeds it.
    calendar = models.ForeignKey(
        "Calendar",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="queues",
        help_text="When its clocks run. Empty: around the clock.",
    )
    warn_at = ArrayField(
        models.PositiveSmallIntegerField(),
        default=default_warnings,
        blank=True,
        help_text="Warn when so many percent of a clock are used, e.g. 50, 75, 100.",
    )
    snooze_stops_clock = models.BooleanField(
        default=False, help_text="While a ticket is put off until later, its clocks stand still."
    )
    mail_shows_content = models.BooleanField(
        default=False,
        help_text="Mail and messages about a ticket show what agents and customers wrote, not only its number.",
    )
    throttled_agents = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Agents whose steps wait while this queue can't keep up.",
    )

    class Meta:
        ordering = ("project", "slug")
        constraints = (
            models.UniqueConstraint(fields=("project", "slug"), name="review_queue_slug_once"),
            models.CheckConstraint(
                condition=Q(assignment__in=list(Policy)), name="review_queue_assignment_known"
            ),
            models.CheckConstraint(
                condition=Q(votes_needed__gte=1, votes_needed__lte=F("seats"), seats__lte=MOST_SEATS),
                name="review_queue_votes_can_be_reached",
            ),
            models.CheckConstraint(
                condition=Q(seats=1) | Q(grace_seconds=0), name="review_queue_votes_take_effect_at_once"
            ),
        )

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def clean(self) -> None:
        """Refuse votes that can't be reached, a decision of several that one could take back, agents nobody knows.

        Raises: ValidationError: by field.
        """
        faults = self._find_unknown_agents()
        if not 1 <= self.seats <= MOST_SEATS:
            faults["seats"] = f"Give 1 to {MOST_SEATS} seats."
        if not 1 <= self.votes_needed <= self.seats:
            faults["votes_needed"] = f"At least 1, and at most as many as there are seats ({self.seats})."
        if self.grace_seconds > MOST_GRACE_SECONDS:
            faults["grace_seconds"] = f"Give at most {MOST_GRACE_SECONDS} seconds, which is a day."
        if not all(1 <= percent <= 100 for percent in self.warn_at):
            faults["warn_at"] = "Give percents from 1 to 100; what comes after is for the escalation levels."
        if self.has_quorum and self.grace_seconds:
            faults["grace_seconds"] = "With several seats a decision takes effect at once: leave it at 0."
        if faults:
            raise ValidationError(faults)

    @property
    def has_quorum(self) -> bool:
        """Tell whether several people decide each ticket, each on their own."""
        return self.seats > 1

    def _find_unknown_agents(self) -> dict[str, str]:
        """Return what is wrong with agents that were added; one that stood there and has gone since hinders nobody."""
        fields = ("hand_on_agents", "throttled_agents")
        before = ReviewQueue.objects.filter(pk=self.pk).values(*fields).first() or {}
        faults = {}
        for field in fields:
            for name in sorted(set(getattr(self, field)) - set(before.get(field, ()))):
                if find_contract(name) is None:
                    near = get_close_matches(name, known_names(), n=3)
                    hint = f" Did you mean {' or '.join(near)}?" if near else ""
                    faults[field] = f"No agent here is called '{name}'.{hint}"
        return faults
