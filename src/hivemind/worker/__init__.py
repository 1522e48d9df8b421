"""The background process: one a user and machine, started by hooks, gone when idle."""
