"""Who is asking: a token becomes a viewer, whose role and spaces bound whatever the request may do."""
