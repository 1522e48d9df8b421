"""Hivemind: agents that improve without fine-tuning."""

__version__ = "0.1.0"
