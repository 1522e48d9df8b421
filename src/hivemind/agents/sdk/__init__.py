"""Programs that record their sessions by the Python API, whose lines are the transcript."""
