"""OpenCode: a plugin of ours in its config folder, sessions in SQLite, skills in `.agents/skills`."""
