"""Contrast: what the attempts at like tasks that worked share and those that failed lack, and the reverse."""
