"""Ways to carry out an agent. `base.py` is the interface, `python.py` the runtime of plain functions."""
