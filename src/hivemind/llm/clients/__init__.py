"""How each agent answers one question: no tools where it allows that, no hooks, no session file."""
