"""Keep a vector of each skill in a byte a dimension, and find the nearest without looking at all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float32]

_WORD_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Hold the vectors of a segment's skills; those that are not made yet are zero."""

    values: npt.NDArray[np.int8]
    scales: Array
    signs: npt.NDArray[np.uint64]  #: 64 dimensions in each row, a skill in each column

    @property
    def made(self) -> npt.NDArray[np.bool_]:
        """Say which skills have one."""
        return np.asarray(self.scales > 0)

    def similar(self, asked: Array, places: npt.NDArray[np.int64]) -> Array:
        """Give the cosine of a vector with those of some skills; 0 for what has none."""
        return np.asarray((self.values[places].astype(np.float32) @ asked) * self.scales[places])

    def alike(self, asked: npt.NDArray[np.uint64]) -> npt.NDArray[np.int16]:
        """Say in how many dimensions each skill's vector has the same sign; 0 for what has none."""
        apart = np.bitwise_count(self.signs ^ asked).sum(axis=0, dtype=np.int16)
        return np.asarray((self.values.shape[1] - apart) * self.made, dtype=np.int16)


def pack(vectors: Array) -> Vectors:
    """Store vectors; a row of zeros stands for none."""
    most = np.abs(vectors).max(axis=1) if vectors.size else np.zeros(len(vectors), dtype=np.float32)
    scales = (most / 127).astype(np.float32)
    values = np.rint(vectors / np.where(scales > 0, scales, 1)[:, None]).astype(np.int8)
    return Vectors(values=values, scales=scales, signs=signs(vectors))


def join(those: Sequence[Vectors | None], places: Sequence[npt.NDArray[np.int64]]) -> Vectors | None:
    """Put some vectors of several segments into one; None where there is none at all."""
    known = [one for one in those if one is not None]
    if not known:
        return None
    dimensions = known[0].values.shape[1]
    rows = [
        pack(np.zeros((len(chosen), dimensions), dtype=np.float32)) if one is None else _some(one, chosen)
        for one, chosen in zip(those, places, strict=True)
    ]
    return Vectors(
        values=np.concatenate([one.values for one in rows]),
        scales=np.concatenate([one.scales for one in rows]),
        signs=np.concatenate([one.signs for one in rows], axis=1),
    )


def _some(those: Vectors, places: npt.NDArray[np.int64]) -> Vectors:
    return Vectors(values=those.values[places], scales=those.scales[places], signs=those.signs[:, places])


def signs(vectors: Array) -> npt.NDArray[np.uint64]:
    """Give the signs of vectors, 64 in a number, a vector in each column."""
    packed = np.packbits(vectors > 0, axis=1)
    lacking = -packed.shape[1] % (_WORD_BITS // 8)
    rows = np.ascontiguousarray(np.pad(packed, ((0, 0), (0, lacking)))).view(np.uint64)
    return np.ascontiguousarray(rows.T)
