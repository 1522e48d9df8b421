"""Traces in: spans over OTLP/HTTP become sessions, events and outcomes."""
