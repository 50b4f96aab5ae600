"""The rows: breakers with their events and counted failures, pools with their slots. `admission/` writes them."""

from agents.models.breaker import AgentCalls, Breaker, BreakerEvent, CountedFailure
from agents.models.pool import Pool, PoolSlot

__all__ = ["AgentCalls", "Breaker", "BreakerEvent", "CountedFailure", "Pool", "PoolSlot"]
