"""Notice when what a skill names is gone from its project, or when nobody needs the skill."""
