"""Tickets in the REST API: list, look, claim, release, resolve. `escalation.escrow` decides; here is none."""
