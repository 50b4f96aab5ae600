"""Agents as the REST API shows them: what each one declares. Agents belong to no project; members may look."""
