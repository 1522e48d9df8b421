"""What `hivemind demo` shows: sessions of Claude Code in a small project, and prompts to try afterwards.

`tests/e2e/record_demo.py` recorded the sessions with the real client and a scripted model.
"""
