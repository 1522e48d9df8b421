"""Real frameworks against the scripted model, on request: `pytest -m frameworks`."""
