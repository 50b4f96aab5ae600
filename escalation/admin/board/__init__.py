"""The board in the console. `page.py` answers, `charts.py` draws, `tables.py` says the same in words and numbers."""
