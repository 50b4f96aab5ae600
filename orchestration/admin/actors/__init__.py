"""The console's pages for agents that have an address: actors, what they write to each other, topics, dead letters.

1. `lists.py`, `page.py`, `orders.py`   actors: the list, a page, what people may order
2. `mail.py`, `message_page.py`         messages: who said what, when, to whom
3. `dead_letters.py`                    what nobody will read, and sending it again
4. `topics.py`                          topics with their schemas and subscribers
5. `of_runs.py`                         the mail of a run and of a step
6. `words.py`, `lines.py`               what the pages share
"""

from orchestration.admin.actors.dead_letters import DeadLetterAdmin
from orchestration.admin.actors.lists import ActorAdmin
from orchestration.admin.actors.mail import MessageAdmin
from orchestration.admin.actors.topics import TopicAdmin

__all__ = ["ActorAdmin", "DeadLetterAdmin", "MessageAdmin", "TopicAdmin"]
