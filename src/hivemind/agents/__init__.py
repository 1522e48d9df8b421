"""Every agent that Hivemind captures: the registry, and one folder an agent."""
