"""Workflows to learn from and to copy; the product does not need them."""
