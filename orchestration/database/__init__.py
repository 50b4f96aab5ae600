"""How this house talks to PostgreSQL: nothing here knows a table, a step or a run.

`statements.py` runs one statement, planned once per connection; `lines.py` lets one do the same for many rows;
`insistence.py` goes on over an outage.
"""
