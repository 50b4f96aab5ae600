"""The form in which the assistant answers."""

from pydantic import BaseModel, Field


class Answer(BaseModel):
    """What the customer is told, and what was done for them."""

    text: str = Field(min_length=1, max_length=5_000, description="What the customer reads.")
    order: str | None = Field(default=None, description="Number of the order it is about.")
    refunded: float = Field(default=0, ge=0, description="Euro that a refund has paid back; 0 if none did.")
