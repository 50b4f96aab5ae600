"""The agents and workflows that the benchmarks run."""
