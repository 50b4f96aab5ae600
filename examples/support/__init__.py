"""A support desk on Ringmaster.

In reading order:

- `workflows.py`: what happens to a message; `agents.py`: who does it.
- `reading.py`, `situation.py`, `matching.py`, `facts.py`, `writing.py`, `guidelines.py`: read a message, find
  the order it means and the facts it asks for, write a reply, check it. Pure.
- `retrieval.py`: the shop's database. `sentiment.py`: the tone of a message. `outbox.py`: sending.
- `intents.py`, `intent_model.py`, `artefacts.py`: the classifiers.
- `triage.py`, `triage_report.py`: the second workflow.
- `shop_files.py`, `loading.py`: where the shop comes from.
"""
