"""A standing team of a bicycle shop: a desk for each customer, specialists, people, and librarians who remember.

In reading order:

- `workflows.py`: who is in the team, what they hear, what waits for a person; the topics and their schemas.
- `agents.py`: what each of them does in a turn. `case.py`: what a desk keeps of its customer.
- `reading.py`: what a message is about; `handbook.py`: what specialists know; `notes.py`: what was learned.
- `days.py`: days of messages, fed without waiting for them; `measure.py`: how each day went.
"""
