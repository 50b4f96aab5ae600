"""A support agent that asks a model, looks things up by tools, and may pay money back.

In reading order:

- `workflows.py`: one step; `agents.py`: the agent and what it is told; `answers.py`: the form of its answer.
- `tools.py`: what the model may call. `shop.py`: orders and stock, from a file. `refunds.py`: paying back.
- `data/script.json`: what the model server of this project answers, where no provider is named.
"""
