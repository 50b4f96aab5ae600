"""The only writer of run and step status. One function and one guarded statement for each edge.

Every write of a running step says `WHERE id AND status AND token`; 0 rows raise `ClaimLost` and nothing was
written. Locks are taken in the order run, step, ticket. Functions return what became available; the caller
dispatches it after commit. Nothing here decides: `domain/policy/` does. Nothing here publishes: `dispatch.py` does.

In reading order:

1. `vocabulary.py`     what statements say again and again, made from the lists of `domain/`
2. `ending.py`         how an ending is declared, and made into its statement with its parts and effects
3. `start.py`, `claim.py`, `finish.py`, `release.py`, `seal.py`    the straight way of a run
4. `end.py`, `expand.py`, `resolve.py`    the other endings of an attempt, and of a person's look
5. `compensate.py`, `control.py`, `tree.py`, `stopping.py`    orders for a run and those below it
6. `heal.py`, `waiting.py`    what the maintainer rings for, and what waits until then

A step may do its work again for five reasons, each with a word of its own:

| word   | who orders it             | what is done again                             | new revision, new key        |
|--------|---------------------------|------------------------------------------------|------------------------------|
| revise | its verifiers: `end.py`   | the step itself, with their reasons            | both                         |
| rework | a later step: `rework.py` | an earlier step and all that depends on it     | both, where work was done    |
| renew  | a person: `renew.py`      | what a run has not done, in its next round     | where work was done          |
| reset  | rework and renew          | `reset.py`: marks go, past outputs are kept    | as its caller says           |
| reuse  | a fork: `reuse.py`        | nothing: what another run did is taken over    | neither                      |
"""
