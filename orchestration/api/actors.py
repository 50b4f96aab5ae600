"""Actors: how they do, what is in their mailboxes, and what is ordered for them."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration import actors
from orchestration.api.base import ApiView
from orchestration.api.bodies import ReasonBody
from orchestration.api.filters import ActorFilter, DeliveryFilter
from orchestration.api.mail_rows import ActorDetail, ActorRow, DeliveryRow
from orchestration.domain.rights import Right
from orchestration.models import Actor, Delivery
from orchestration.selectors.actors import find_actor, list_actors, list_family
from orchestration.selectors.mailboxes import list_deliveries


class ActorList(ApiView):
    """All actors."""

    queryset = Actor.objects.none()
    filterset_class = ActorFilter
    order: ClassVar[tuple[str, ...]] = ("name", "key", "pk")

    @extend_schema(operation_id="list_actors", responses=ActorRow(many=True))
    def get(self, _request: Request) -> Response:
        """List actors by their addresses, each with how it does and how many messages wait for it."""
        return self.show_page(list_actors(self.caller), ActorRow)


class _OneActor(ApiView):
    """What the addresses of one actor share."""

    def show(self, actor_id: int, right: Right = Right.VIEW) -> Response:
        """Return an actor as it stands. `right`: by which it is shown; who may order may see what became of it."""
        actor = find_actor(self.caller, actor_id, right)
        return Response(ActorDetail(actor, context={"family": list_family(actor.pk)}).data)


class ActorView(_OneActor):
    """One actor."""

    @extend_schema(operation_id="get_actor", responses=ActorDetail)
    def get(self, _request: Request, actor_id: int) -> Response:
        """Show an actor: how it does, its live turn, who made it and whom it made."""
        return self.show(actor_id)


class ActorDeliveries(ApiView):
    """An actor's mailbox."""

    queryset = Delivery.objects.none()
    filterset_class = DeliveryFilter
    order: ClassVar[tuple[str, ...]] = ("-message_id", "-pk")

    @extend_schema(operation_id="list_actor_deliveries", responses=DeliveryRow(many=True))
    def get(self, _request: Request, actor_id: int) -> Response:
        """List what came into an actor's mailbox and what became of it, the newest first, without what it says."""
        actor = find_actor(self.caller, actor_id)
        return self.show_page(list_deliveries(Delivery.objects.filter(actor=actor.pk)), DeliveryRow)


class ActorStop(_OneActor):
    """Stopping."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="stop_actor", request=ReasonBody, responses=ActorDetail)
    def post(self, _request: Request, actor_id: int) -> Response:
        """Let an actor take no more messages: what waits and what comes are dead letters. Its turn goes on."""
        body = self.read_body(ReasonBody)
        actor = find_actor(self.caller, actor_id, Right.RUN)
        actors.stop(actor.address, body["reason"], self.person, project=actor.project.slug)
        return self.show(actor_id, Right.RUN)


class ActorRestart(_OneActor):
    """Starting again."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="restart_actor", request=None, responses=ActorDetail)
    def post(self, _request: Request, actor_id: int) -> Response:
        """Let a stopped actor take messages again; dead letters stay dead until they are sent again."""
        actor = find_actor(self.caller, actor_id, Right.RUN)
        actors.restart(actor.address, project=actor.project.slug)
        return self.show(actor_id, Right.RUN)


class ActorPark(_OneActor):
    """Parking a turn."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="park_actor", request=None, responses=ActorDetail)
    def post(self, _request: Request, actor_id: int) -> Response:
        """Let an actor's turn that waits for a person be, and go on with the next; it answers when it ends."""
        actor = find_actor(self.caller, actor_id, Right.RUN)
        actors.park(actor.address, project=actor.project.slug)
        return self.show(actor_id, Right.RUN)
