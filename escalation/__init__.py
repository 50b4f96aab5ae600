"""Escalation: work that waits for a person, and what people decide about it.

The map, in reading order:

1. `domain/states.py`   the states of a ticket and the one list of edges between them
2. `domain/sla.py`      SLA classes and their two clocks, in business time
3. `models/`            the rows: review queue, ticket, breach, notice, audit
4. `audit/`             who saw and did what, from where; only appended to
5. `notify/`            what people are told, as rows, and how it reaches them
6. `escrow/`            the only ticket writer: open, claim, release, draft, resolve, withdraw
7. `watch/`             duties of the maintainer: records every missed deadline once
8. `live/`              tells pages what happens to tickets, and who looks at which
9. `learning/`          what people's decisions say about agents' confidence
10. `figures/`          counts of past hours and of the one under way
11. `selectors/`        what can be asked about tickets
12. `admin/`            the console where people decide; `management/` does the same from the shell
"""
