"""Codex CLI: its transcripts, its hook payloads, and how it is wired."""
