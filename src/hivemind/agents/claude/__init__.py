"""Claude Code (Anthropic): hooks in settings.json, JSONL transcripts, skills in `.claude/skills`."""
