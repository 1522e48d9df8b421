"""From stored sessions to skills: mine lessons from calls and results, cluster them, write, gate."""
