"""Comments on tickets. Whoever sees a ticket reads them; who may decide it writes them; no agent is shown any."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.desk_rights import DeskRight
from escalation.escrow import comment_on
from escalation.models import Comment
from escalation.selectors import find_ticket
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text
from orchestration.domain.rights import Right


class CommentRow(serializers.Serializer[Any]):
    """One comment."""

    id = serializers.IntegerField(read_only=True)
    at = serializers.DateTimeField(read_only=True)
    author = serializers.CharField(read_only=True, source="author_name")
    text = serializers.CharField(read_only=True)
    mentioned = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Who was told of it."
    )


class SaidRow(CommentRow):
    """A comment as it was kept."""

    untold = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Names it mentions of whom nobody was told."
    )


class CommentBody(Body):
    """A comment."""

    text = Text(
        max_length=20_000, trim_whitespace=False, help_text="`@name` tells that person, if they may look."
    )


class TicketComments(ApiView):
    """What people say about a ticket."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.REVIEW}

    queryset = Comment.objects.none()
    order: ClassVar[tuple[str, ...]] = ("-pk",)

    @extend_schema(operation_id="list_ticket_comments", responses=CommentRow(many=True))
    def get(self, _request: Request, ticket_id: int) -> Response:
        """List the comments on a ticket, the latest first."""
        return self.show_page(Comment.objects.filter(ticket=find_ticket(self.caller, ticket_id)), CommentRow)

    @extend_schema(operation_id="comment_on_ticket", request=CommentBody, responses=SaidRow)
    def post(self, _request: Request, ticket_id: int) -> Response:
        """Say something about a ticket; it can't be taken back. Those whom it mentions are told, if they may look."""
        ticket = find_ticket(self.caller, ticket_id, DeskRight.DECIDE)
        said = comment_on(ticket.pk, self.person, self.read_body(CommentBody)["text"])
        comment: Comment = said.comment
        comment.refresh_from_db()
        return Response({**CommentRow(comment).data, "untold": list(said.untold)})
