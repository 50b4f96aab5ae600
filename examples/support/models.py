"""The shop's rows, and the outbox: every message the desk sends, once per idempotency key.

`key` is the shop's own key, so that loading the same files again changes nothing.
"""

from django.db import models


class Customer(models.Model):
    """Somebody who writes to us."""

    key = models.CharField(max_length=100, unique=True)
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    email = models.EmailField()

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name} ({self.key})"


class Product(models.Model):
    """Something the shop sells, in one or more variants."""

    key = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    """One buyable form of a product."""

    key = models.CharField(max_length=100, unique=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    options = models.JSONField(default=dict)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    is_available = models.BooleanField()
    # Unknown where a shop only says whether there is any.
    stock = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["product", "key"]

    def __str__(self) -> str:
        options = ", ".join(str(value) for value in self.options.values())
        return f"{self.product.name} ({options})" if options else self.product.name


class Order(models.Model):
    """A purchase and how far it is."""

    class Status(models.TextChoices):
        """The words of the shop's files."""

        PENDING = "pending", "Pending"
        PROCESSED = "processed", "Processed"
        SHIPPED = "shipped", "Shipped"
        DELIVERED = "delivered", "Delivered"
        CANCELLED = "cancelled", "Cancelled"
        RETURN_REQUESTED = "return requested", "Return requested"
        RETURNED = "returned", "Returned"
        EXCHANGE_REQUESTED = "exchange requested", "Exchange requested"

    key = models.CharField(max_length=50, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="orders")
    status = models.CharField(max_length=30, choices=Status.choices)
    tracking = models.CharField(max_length=100, blank=True)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    refunded = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    # Unknown in shops whose files carry no dates.
    placed_on = models.DateField(null=True, blank=True)
    delivered_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-placed_on", "key"]

    def __str__(self) -> str:
        return f"{self.key} ({self.status})"


class OrderItem(models.Model):
    """One line of an order, as it was sold."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    product_key = models.CharField(max_length=100)
    variant_key = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    options = models.JSONField(default=dict)
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        ordering = ["order", "position"]
        constraints = [models.UniqueConstraint(fields=["order", "position"], name="support_item_position")]

    def __str__(self) -> str:
        return f"{self.name} in {self.order_id}"


class OutboxMessage(models.Model):
    """A message to a customer. The key is unique: however often a step is tried, it writes once."""

    idempotency_key = models.CharField(max_length=200, unique=True)
    run_id = models.CharField(max_length=100, db_index=True)
    recipient = models.CharField(max_length=100, db_index=True)
    # Empty for accounts of which the shop knows no address: the message then waits in the account.
    email = models.EmailField(blank=True)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.subject} -> {self.recipient}"
