"""Writers turn a draft into a SKILL.md; each passes the same gates."""
