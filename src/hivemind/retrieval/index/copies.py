"""Tell near copies among candidates: a skill that lies there ten times is no less sure for it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Two texts with this share of their words in common are copies.
COPY_SHARE = 0.5
#: Least values of so many buckets stand for a text's words: an estimate good to some six points
#: (one-permutation hashing; Li, Owen and Zhang, NeurIPS 2012). Words are checksums, so they lie evenly.
_BUCKETS = 64
_EMPTY = np.uint32(0xFFFFFFFF)


def originals(texts: Sequence[npt.NDArray[np.uint32]]) -> npt.NDArray[np.int64]:
    """Give for each text, the best first, the place of the first one that it is a copy of, or its own."""
    sketches = np.full((len(texts), _BUCKETS), _EMPTY, dtype=np.uint32)
    for sketch, words in zip(sketches, texts, strict=True):
        np.minimum.at(sketch, words % _BUCKETS, words)
    filled = sketches != _EMPTY
    found = np.arange(len(texts), dtype=np.int64)
    for place in range(1, len(texts)):
        firsts = np.flatnonzero(found[:place] == np.arange(place))
        either = filled[firsts] | filled[place]
        same = (sketches[firsts] == sketches[place]) & filled[place]
        alike = same.sum(axis=1) >= COPY_SHARE * np.maximum(either.sum(axis=1), 1)
        if alike.any():
            found[place] = firsts[np.argmax(alike)]
    return found
