"""The desk with a million tickets: a seed, and how long its pages take. Figures: README.md beside this file."""
