"""What the views share: who calls, what may be sent, and lists in pages."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar, Final, cast

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from orchestration.api.access import caller_of
from orchestration.api.problems import ParameterInvalid
from orchestration.database.patience import bounded
from orchestration.domain.rights import Right
from orchestration.errors import MOST_FAULTS
from orchestration.selectors.scope import Caller

# Not every filter has an index; what would read a whole history is stopped.
LIST_SECONDS: Final = 10.0


class Body(serializers.Serializer[Any]):
    """What may be sent. A field that is none is refused, so that nobody believes it was obeyed."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values.

        Raises: ValidationError: names every unknown field, of very many the first.
        """
        if isinstance(data, Mapping):
            names = (name for name in data if name not in self.fields)
            unknown = {str(name): ["there is no such field"] for name in islice(names, MOST_FAULTS)}
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class ApiView(GenericAPIView[Any]):
    """A view of the API.

    Attributes: rights: what a method takes; to look, unless it says otherwise.
        order: the columns of a list that tell its place exactly, the last one unique; see `paging.py`.
    """

    rights: ClassVar[dict[str, Right]] = {}
    order: ClassVar[tuple[str, ...]] = ("pk",)

    @property
    def caller(self) -> Caller:
        """Return who calls."""
        return caller_of(self.request)

    @property
    def person(self) -> Any:
        """Return the account that calls, or that owns the token."""
        return self.request.user

    def find_order(self) -> tuple[str, ...]:
        """Return the columns by which a list is ordered."""
        return self.order

    def read_body(self, body: type[Body]) -> dict[str, Any]:
        """Return what was sent, checked.

        Raises: ValidationError: names each field at fault.
        """
        read = body(data=self.request.data)
        read.is_valid(raise_exception=True)
        return cast("dict[str, Any]", read.validated_data)

    def read_parameter(self, name: str, default: str) -> str:
        """Return a parameter of the query.

        Raises: ParameterInvalid: it is empty, stands twice, or stands beside another that is unknown here.
        """
        # What shows no list takes none of a list's parameters either.
        others = self._list_parameters() if getattr(self, "queryset", None) is not None else set()
        self.check_parameters(name, *others)
        return self.request.query_params.get(name, default)

    def show_page(
        self, rows: QuerySet[Any], row: type[serializers.BaseSerializer[Any]], *parameters: str
    ) -> Response:
        """Return one page of a list, filtered as the query asks.

        Args: parameters: what else the query may hold.
        Raises: ParameterInvalid: it holds something else.  OperationalError: it took more than LIST_SECONDS.
        """
        self.check_parameters(*parameters, *self._list_parameters())
        with bounded(LIST_SECONDS):
            page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(row(page, many=True, context=self.get_serializer_context()).data)

    def check_parameters(self, *known: str) -> None:
        """Refuse what would not be obeyed: parameters that are unknown, empty, or stand twice.

        Raises: ParameterInvalid.
        """
        for name, values in self.request.query_params.lists():
            if name not in known:
                raise ParameterInvalid(
                    f"there is no parameter '{name[:80]}'; known: {', '.join(sorted(known))}"
                )
            if len(values) > 1 or not values[0]:
                raise ParameterInvalid(f"{name}: give one value, or leave the parameter out")

    def _list_parameters(self) -> set[str]:
        filters = getattr(self, "filterset_class", None)
        return {"cursor", "page_size", *(filters.base_filters if filters else ())}
