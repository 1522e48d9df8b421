"""pi (now of earendil): a TypeScript extension, JSONL sessions, skills in `.agents/skills`."""
