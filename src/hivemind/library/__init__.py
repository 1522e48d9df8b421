"""The library: skills with their versions, gates, life cycle and files in agents' folders."""
