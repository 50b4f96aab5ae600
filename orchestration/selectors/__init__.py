"""Reads. Nothing here writes or locks; what it returns may be stale by the time it is used."""
