"""The language model behind the writer: the user's own agent, a provider, or none."""
