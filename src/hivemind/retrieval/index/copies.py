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
    found = np.arange(len(texts), dtype=np.int64)
    if len(texts) < 2:
        return found
    sketches = np.full((len(texts), _BUCKETS), _EMPTY, dtype=np.uint32)
    words = np.concatenate(texts)
    rows = np.repeat(found, [len(text) for text in texts])
    np.minimum.at(sketches.reshape(-1), rows * _BUCKETS + words % _BUCKETS, words)
    filled = sketches != _EMPTY
    either = np.bitwise_count(_bits(filled)[:, None] | _bits(filled)[None, :])
    same = ((sketches[:, None] == sketches[None, :]) & filled[None, :]).sum(axis=2)
    alike = (same >= COPY_SHARE * np.maximum(either, 1)).tolist()
    firsts = [0]
    for place in range(1, len(texts)):
        row = alike[place]
        original = next((first for first in firsts if row[first]), place)
        found[place] = original
        if original == place:
            firsts.append(place)
    return found


def _bits(filled: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    return np.packbits(filled, axis=1).view(np.uint64)[:, 0]
