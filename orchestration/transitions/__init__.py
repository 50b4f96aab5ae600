"""The only writer of run and step status. One function an edge, one guarded statement each.

Every write of a running step says `WHERE id AND status AND token`; 0 rows raise `ClaimLost` and nothing was
written. Locks are taken in the order run, step, ticket. Functions return what became available; the caller
dispatches it after commit. Nothing here decides: `domain/policy/` does. Nothing here publishes: `dispatch.py`
does. In reading order: `start.py`, `claim.py`, `finish.py`, `release.py`, `seal.py`, `end.py`, `resolve.py`; how
plans grow: `expand.py`, `revise.py`; what else a failure does: `fallback.py`, `compensate.py`, `deadline.py`; what
starts afresh: `reset.py`, `rework.py`, `renew.py`, `reuse.py`; orders for a tree of runs: `tree.py`, `control.py`; what
the maintainer finds: `heal.py`, `waiting.py`, `presence.py`.
"""
