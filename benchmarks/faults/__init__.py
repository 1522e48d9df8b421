"""Break a team's server in every way; what comes of it has to be whole. `python -m benchmarks.faults`."""
