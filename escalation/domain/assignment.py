"""How the tickets of a review queue find the people who decide them."""

from enum import StrEnum


class Policy(StrEnum):
    """Who is offered a ticket first."""

    PULL = "pull"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"


POLICY_WORDS = {
    Policy.PULL: "Whoever takes the next one",
    Policy.ROUND_ROBIN: "In turn: whoever was given one longest ago",
    Policy.LEAST_LOADED: "Whoever has the fewest",
}
