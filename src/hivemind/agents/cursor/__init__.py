"""Cursor: hooks in `~/.cursor/hooks.json`, whose payloads are the transcript, skills in `.agents/skills`."""
