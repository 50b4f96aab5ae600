"""API tokens of one's own: make, list, revoke."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.access import token_of
from orchestration.api.base import ApiView
from orchestration.api.bodies import TokenBody
from orchestration.api.rows import NewTokenRow, TokenRow
from orchestration.domain.rights import Right
from orchestration.models import ApiToken
from orchestration.selectors.resources import list_tokens
from orchestration.selectors.scope import find_project
from orchestration.tokens import NewToken, make_token, revoke_token


class TokenList(ApiView):
    """The caller's tokens; making one."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.MANAGE}
    queryset = ApiToken.objects.none()
    order: ClassVar[tuple[str, ...]] = ("created", "public_id")

    @extend_schema(operation_id="list_tokens", responses=TokenRow(many=True))
    def get(self, _request: Request) -> Response:
        """List your tokens that have not ended, without their keys."""
        return self.show_page(list_tokens(self.person), TokenRow)

    @extend_schema(operation_id="create_token", request=TokenBody, responses={201: NewTokenRow})
    def post(self, request: Request) -> Response:
        """Make a token of yours. Its `key` is shown this once; we keep a hash.

        A token with the scope `admin` may make tokens that are good for no more and no longer than itself.
        """
        body = self.read_body(TokenBody)
        project = find_project(self.caller, body["project"]) if body["project"] else None
        wish = NewToken(body["name"], frozenset(body["scopes"]), project, body["days"])
        token, key = make_token(self.person, wish, by=token_of(request))
        token.key = key
        return Response(NewTokenRow(token).data, status=201)


class TokenView(ApiView):
    """One token."""

    rights: ClassVar[dict[str, Right]] = {"DELETE": Right.MANAGE}

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, _request: Request, token_id: UUID) -> Response:
        """Revoke a token of yours at once."""
        revoke_token(self.person, token_id)
        return Response(status=204)
