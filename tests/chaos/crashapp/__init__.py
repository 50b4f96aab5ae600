"""A Django app for workers under test: agents that leave evidence, and places where the process can be killed.

The engine has no hooks. This app wraps its functions by name when a worker starts, and does so only where
CRASHAPP_DIR is set: in child processes, never in the test process itself.

`journal.py` what agents and workers did, fsynced; `points.py` where to die; `mutants.py` guards taken out of the
engine; `repeating.py` a broker that repeats and shuffles; `agents.py` what the workflows of these tests are made of,
`spending.py` among it.
"""
