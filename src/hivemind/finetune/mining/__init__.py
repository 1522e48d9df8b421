"""Learn from imported rows: what accepted answers to like requests share, and what only rejected ones do."""
