"""Serve what is stored: MCP on stdio."""
