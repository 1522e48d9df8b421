"""Hermes (Nous Research): shell hooks in config.yaml, sessions in an SQLite database."""
