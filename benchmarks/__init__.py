"""Produce the figures that the documentation claims, each with one command."""
