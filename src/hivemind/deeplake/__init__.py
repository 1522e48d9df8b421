"""Bring over what Activeloop's Hivemind keeps in a Deeplake workspace: its sessions and its skills."""
