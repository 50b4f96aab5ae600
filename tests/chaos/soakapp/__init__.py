"""A Django app of agents that fail at random, by a seed: what the soak's runs are made of."""
