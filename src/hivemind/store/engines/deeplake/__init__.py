"""Deeplake: what can be known of it without a driver; the members of `Seam` are in `seam`."""
