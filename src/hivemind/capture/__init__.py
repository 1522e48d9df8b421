"""From an agent's hook to stored events: hook entry (standard library only), spool, redaction, ingestion."""
