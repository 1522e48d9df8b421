"""Edit the settings files of agents, which belong to the user: format-preserving, undoable, atomic."""
