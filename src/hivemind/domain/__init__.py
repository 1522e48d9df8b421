"""Frozen values that every layer shares: no I/O, no dependency inside the project but errors."""
