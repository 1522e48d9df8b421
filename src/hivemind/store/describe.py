"""Describe the schema from its own definitions, for people who write SQL."""

from hivemind.store.schema import metadata


def describe() -> str:
    """Give every table and column with its meaning, as Markdown."""
    parts = []
    for table in sorted(metadata.tables.values(), key=lambda t: t.name):
        lines = [
            f"## {table.name}",
            "",
            f"{(table.comment or '').capitalize()}.",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
        ]
        for column in table.columns:
            key = " (key)" if column.primary_key else ""
            kind = type(column.type).__name__.lower().replace("utctime", "time")
            lines.append(f"| {column.name}{key} | {kind} | {column.comment or ''} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
