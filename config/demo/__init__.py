"""`make demo`: the whole product on one machine, with the examples at work.

Reading order: `management/commands/demo.py` (the order of things) -> `preparation` (database, shop), `people` ->
`stage` (which processes, on which ports) -> `feeding` (messages in, progress) -> `report` (what came of it).
"""
