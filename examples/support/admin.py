"""The shop and the outbox in the console, to look at."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from examples.support.models import Customer, Order, OrderItem, OutboxMessage, Product, Variant

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin, TabularInline
else:
    from unfold.admin import ModelAdmin, TabularInline


class VariantInline(TabularInline[Variant, Product]):
    """A product's variants."""

    model = Variant
    extra = 0


class OrderItemInline(TabularInline[OrderItem, Order]):
    """An order's lines."""

    model = OrderItem
    extra = 0


@admin.register(Customer)
class CustomerAdmin(ModelAdmin[Customer]):
    """Customers."""

    list_display = ["key", "first_name", "last_name", "email"]
    search_fields = ["key", "last_name", "email"]


@admin.register(Product)
class ProductAdmin(ModelAdmin[Product]):
    """Products and their stock."""

    list_display = ["name", "key"]
    search_fields = ["name", "key"]
    inlines = [VariantInline]


@admin.register(Order)
class OrderAdmin(ModelAdmin[Order]):
    """Orders."""

    list_display = ["key", "customer", "status", "total", "placed_on"]
    list_filter = ["status"]
    list_select_related = ["customer"]
    search_fields = ["key", "customer__key"]
    autocomplete_fields = ["customer"]
    inlines = [OrderItemInline]


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ModelAdmin[OutboxMessage]):
    """What was sent; a record, so nobody writes it by hand."""

    list_display = ["created_at", "recipient", "subject", "run_id"]
    search_fields = ["recipient", "run_id", "subject"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a step sends."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        """What was sent stays as it was sent."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxMessage | None = None) -> bool:
        """A deleted record would let the same key send again."""
        return False
