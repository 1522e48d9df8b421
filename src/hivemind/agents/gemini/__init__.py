"""Gemini CLI (Google): hooks and MCP servers in settings.json, chats in JSON Lines."""
