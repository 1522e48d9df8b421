"""Search past work in plain words: by its words, and where there are vectors, by its meaning.

`answers.search` is what people and agents call; `meanings.Meanings` is what the worker keeps.
"""

from hivemind.retrieval.past.answers import Answer, Episode, Turn, search
from hivemind.retrieval.past.asking import filter_of
from hivemind.retrieval.past.reader import Reader, folder_of

__all__ = ["Answer", "Episode", "Reader", "Turn", "filter_of", "folder_of", "search"]
