"""Compare the estimate of tokens with real vocabularies: nowhere below them, and by how much above.

`python -m benchmarks.tokens --data FOLDER [--json]` needs the package bpe-openai (the vocabularies).
"""

import sys
from pathlib import Path

from benchmarks.command import Figures, run
from benchmarks.retrieval import CORPUS, records
from hivemind.retrieval.select import MAX_CHARS
from hivemind.retrieval.tokens import count_tokens

VOCABULARIES = ("cl100k_base", "o200k_base")


def measure(folder: Path) -> Figures:
    """Count the tokens of every skill as far as an agent could be given it."""
    try:
        import bpe_openai
    except ImportError:
        raise SystemExit("pip install bpe-openai: it holds the vocabularies to compare with") from None
    figures: dict[str, float | str] = {}
    texts = [f"{skill['description']}\n{skill['body']}"[:MAX_CHARS] for skill in records(folder / CORPUS)]
    estimates = [count_tokens(text) for text in texts]
    for name in VOCABULARIES:
        encoding = bpe_openai.get_encoding(name)
        real = [len(encoding.encode(text)) for text in texts]
        ratios = [one / max(1, other) for one, other in zip(estimates, real, strict=True)]
        figures |= {
            f"{name}_ratio": sum(estimates) / sum(real),
            f"{name}_least_ratio": min(ratios),
            f"{name}_below": sum(ratio < 1 for ratio in ratios),
        }
    return figures | {"skills": len(texts)}


if __name__ == "__main__":
    sys.exit(run("tokens", measure, needs=[CORPUS]))
