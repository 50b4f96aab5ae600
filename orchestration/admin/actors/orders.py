"""What people may order for an actor, from its page: what each order means, and giving it."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from orchestration import actors
from orchestration.admin.access import has_right
from orchestration.domain.mail import Life
from orchestration.domain.rights import Right
from orchestration.models import Actor
from orchestration.selectors.actors import ActorWithLife


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `has_reason`: it is asked why.  `done`: what is said afterwards."""

    verb: str
    label: str
    title: str
    meaning: str
    possible: frozenset[Life]
    done: str
    has_reason: bool = False
    is_final: bool = False


ORDERS = {
    order.verb: order
    for order in (
        Order(
            "stop",
            "Stop",
            "Stop this actor?",
            "It takes no more messages: those that wait and all that come are dead letters until it is started again, "
            "and whoever asked it something is told that there is no answer. A turn that it has goes on to its end.",
            frozenset(Life) - {Life.STOPPED},
            "It is stopped.",
            has_reason=True,
            is_final=True,
        ),
        Order(
            "restart",
            "Start again",
            "Start this actor again?",
            "It takes messages again. What became a dead letter meanwhile stays one: send it again from the list of "
            "dead letters.",
            frozenset({Life.STOPPED}),
            "It takes messages again.",
        ),
        Order(
            "park",
            "Park its turn",
            "Let the turn that waits for a person be?",
            "The next turn begins, and later messages overtake those of this one. Its messages are dead letters until "
            "its ticket is decided and it ends well; then they count as read.",
            frozenset({Life.HELD}),
            "Its turn is parked, and the mailbox goes on.",
        ),
    )
}
"""What can be ordered, by the word in the address, in the order of the buttons."""


@dataclass(frozen=True, slots=True)
class OrderLink:
    """A button."""

    label: str
    url: str


def list_orders(request: HttpRequest, actor: ActorWithLife) -> list[OrderLink]:
    """Return the buttons for what the viewer may order and the actor can obey."""
    if not has_right(request, Right.RUN, actor.project_id):
        return []
    return [
        OrderLink(order.label, order_url(actor, order.verb))
        for order in ORDERS.values()
        if actor.life in order.possible
    ]


def order_url(actor: Actor, verb: str) -> str:
    """Return the address of the page that asks whether to give an order."""
    return reverse("admin:orchestration_actor_order", args=(actor.pk, verb))


def give_order(request: HttpRequest, actor: Actor, order: Order) -> None:
    """Give an order. The actor's project must be loaded.

    Raises: OrchestrationError: says why it can't be and what to do.
    """
    by: Any = request.user
    project = actor.project.slug
    if order.verb == "stop":
        actors.stop(actor.address, request.POST.get("reason", ""), by, project=project)
    elif order.verb == "restart":
        actors.restart(actor.address, project=project)
    else:
        actors.park(actor.address, project=project)
