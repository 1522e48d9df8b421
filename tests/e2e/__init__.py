"""Tests that start a real agent against a scripted model."""
