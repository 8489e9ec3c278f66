"""What runs cost: `make bench`. Medians go to docs/benchmark.json, their chart to docs/benchmark.svg."""
