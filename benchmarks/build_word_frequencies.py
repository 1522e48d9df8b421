"""Write retrieval/word_frequencies.py: how common English and coding words are in a corpus of skills.

`python -m benchmarks.build_word_frequencies --data FOLDER`; FOLDER/skills/corpus.jsonl.gz is the corpus, and
the same corpus gives the same file. Words are counted by stem, with SQLite's own stemmer, as the search index
sees them.
"""

import argparse
import gzip
import json
import math
import re
import sqlite3
import sys
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src" / "hivemind" / "retrieval" / "word_frequencies.py"
#: A word is listed when its stem is in at least this many skills, and the word itself in `LEAST_SPELLINGS`.
LEAST_SKILLS = 60
LEAST_SPELLINGS = 10
#: Counts are rounded to powers of this: a finer count tells nothing about another corpus.
STEP = 1.2
_WORD = re.compile(r"[a-z]{2,20}")

_HEAD = '''\
"""How common words are among skills; written by benchmarks/build_word_frequencies.py, not by hand."""

#: Skills that were counted.
DOCUMENTS = {documents}
#: How many skills a word that is not listed is taken to be in.
UNLISTED = {unlisted}
#: Words by the number of skills with them (rounded to powers of 1.2): a number, then its words.
_WORDS = """\\
{words}
"""


def load() -> dict[str, int]:
    """Give the number of skills for each listed word."""
    skills: dict[str, int] = {{}}
    count = 0
    for word in _WORDS.split():
        if word.isdigit():
            count = int(word)
        else:
            skills[word] = count
    return skills
'''


def _words(corpus: Path) -> Iterator[set[str]]:
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        for line in lines:
            skill = json.loads(line)
            yield set(_WORD.findall(f"{skill['name']} {skill['description']} {skill['body']}".lower()))


def _stems(words: list[str]) -> dict[str, str]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(word, tokenize='porter unicode61')")
    connection.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(words))
    connection.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(words, instance)")
    return {words[number]: stem for stem, number in connection.execute("SELECT term, doc FROM stems")}


def _step(count: int) -> int:
    return round(STEP ** round(math.log(count, STEP)))


def frequencies(corpus: Path) -> tuple[int, dict[int, list[str]]]:
    """Count the corpus: its skills, and the listed words by the rounded number of skills with them."""
    documents = list(_words(corpus))
    spellings = Counter(word for document in documents for word in document)
    stems = _stems(sorted(spellings))
    skills = Counter(stem for document in documents for stem in {stems[word] for word in document})
    listed = defaultdict(list)
    for word in sorted(spellings):
        if spellings[word] >= LEAST_SPELLINGS and skills[stems[word]] >= LEAST_SKILLS:
            listed[_step(skills[stems[word]])].append(word)
    return len(documents), listed


def main() -> None:
    """Write the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    corpus = arguments.data / "skills" / "corpus.jsonl.gz"
    if not corpus.exists():
        print(f"{corpus} does not exist: --data needs skills/corpus.jsonl.gz", file=sys.stderr)
        sys.exit(2)
    documents, listed = frequencies(corpus)
    text = "\n".join(
        textwrap.fill(f"{count} {' '.join(words)}", width=108, break_on_hyphens=False)
        for count, words in sorted(listed.items(), reverse=True)
    )
    arguments.target.write_text(
        _HEAD.format(documents=documents, unlisted=LEAST_SKILLS // 2, words=text), encoding="utf-8"
    )
    print(f"{sum(map(len, listed.values()))} words of {documents} skills in {arguments.target}")


if __name__ == "__main__":
    main()
