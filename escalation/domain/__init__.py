"""Pure rules: no database, no clock, no network."""
