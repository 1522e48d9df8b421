"""Find the right skill in a library of any size, within milliseconds: the index that the worker keeps.

The index is derived: it follows the database, and is made anew where its files are lost or damaged. The
hook's own search without a worker (`hivemind.retrieval.rank`) needs none of it.
"""

from hivemind.retrieval.index.index import Index
from hivemind.retrieval.index.searching import Hit

__all__ = ["Hit", "Index"]
