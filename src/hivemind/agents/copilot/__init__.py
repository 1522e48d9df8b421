"""GitHub Copilot CLI: hooks in a file of our own, sessions in JSON Lines, skills in `.agents/skills`."""
