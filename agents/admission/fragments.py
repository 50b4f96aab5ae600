"""A piece of SQL that the engine puts into its own claim: all that a healthy step pays for breakers."""


def is_kept_away(step: str) -> str:
    """Return the condition that the breaker of a step's agent is not closed; then `admit` must be asked.

    One look by primary key, in a table that holds only agents that once failed too often.

    Args: step: the alias of a row with a column `agent`.
    """
    row = "SELECT 1 FROM agents_breaker k WHERE k.state <> 'closed'"
    return f"EXISTS ({row} AND k.agent = split_part({step}.agent, '@', 1))"
