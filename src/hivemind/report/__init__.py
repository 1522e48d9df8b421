"""One self-contained page about a workspace: what was learnt, whether it helps, what it cost."""
