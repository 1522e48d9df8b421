"""Send sessions to a team's server and take its skills: what both ends share, and the machine's side."""
