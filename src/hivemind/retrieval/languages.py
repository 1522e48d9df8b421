"""Say which programming languages are at hand, and hold back shared skills for others.

A library of many has the same skill for many languages, and a prompt seldom says in which one it is asked.
No labelled requests tell how much this should count, so it is little: it orders what is alike, and what is
all but sure is shown as before. A project's own skills, and those that name no language, are not touched.
"""

import copy
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from hivemind.retrieval.rank import Candidate

#: What the strength of a shared skill for another language is multiplied by.
ELSEWHERE = 0.75
#: Calls of a session that are looked back at, and characters of each.
MAX_CALLS, MAX_CALL_CHARS = 60, 600
#: A language is at hand when so many of the files worked on, and this part of them, are of it.
FEWEST_FILES, LEAST_SHARE = 2, 0.2

_ENDINGS = {
    "cpp": ("c", "cc", "cpp", "cxx", "h", "hpp"),
    "csharp": ("cs", "csproj", "sln"),
    "elixir": ("ex", "exs"),
    "go": ("go",),
    "java": ("java", "kt", "kts", "scala", "groovy"),
    "javascript": ("js", "jsx", "mjs", "cjs", "ts", "tsx", "vue", "svelte"),
    "php": ("php",),
    "python": ("py", "pyi", "ipynb"),
    "ruby": ("rb", "erb"),
    "rust": ("rs",),
    "swift": ("swift",),
}
_BY_ENDING = {ending: language for language, endings in _ENDINGS.items() for ending in endings}
#: What lies in the folder of a project, for a session that has not touched anything yet.
_MARKERS = {
    "CMakeLists.txt": "cpp",
    "Cargo.toml": "rust",
    "Gemfile": "ruby",
    "Package.swift": "swift",
    "build.gradle": "java",
    "build.gradle.kts": "java",
    "composer.json": "php",
    "go.mod": "go",
    "mix.exs": "elixir",
    "package.json": "javascript",
    "pom.xml": "java",
    "pyproject.toml": "python",
    "requirements.txt": "python",
    "setup.py": "python",
}
_SAID = {
    "cpp": ("c++", "cmake", "cpp"),
    "csharp": ("asp.net", "blazor", "c#", "csharp", "dotnet", ".net", "nuget"),
    "elixir": ("elixir", "erlang", "phoenix-framework"),
    "go": ("gofmt", "golang"),
    "java": ("gradle", "java", "junit", "kotlin", "maven", "scala", "spring-boot", "springboot"),
    "javascript": (
        *("angular", "deno", "eslint", "javascript", "jest", "next.js", "nextjs", "node.js", "nodejs", "npm"),
        *("jsx", "react.js", "reactjs", "svelte", "tsx", "typescript", "vite", "vitest", "vue"),
    ),
    "php": ("composer.json", "laravel", "php", "phpunit", "symfony"),
    "python": ("django", "fastapi", "flask", "mypy", "numpy", "pandas", "pip", "pytest", "python"),
    "ruby": ("rails", "rspec", "ruby"),
    "rust": ("cargo", "clippy", "rust", "tokio"),
    "swift": ("swiftui", "xcode"),
}
_BY_WORD = {word: language for language, words in _SAID.items() for word in words}
#: Words that mean something else in a sentence, and a language in the name of a skill.
_BY_NAME = {"go": "go", "net": "csharp", "node": "javascript", "react": "javascript", "swift": "swift"}

_CALLS = """
SELECT substr(data, 1, ?) FROM events
WHERE workspace_id = ? AND session_id = ? AND kind = 'tool_call' ORDER BY seq DESC LIMIT ?
"""
_FILE = re.compile(r"[\w-]\.([a-z]{1,7})\b")
_WORD = re.compile(r"[.\w+#-]+")


def at_hand(
    connection: "sqlite3.Connection", *, workspace_id: str, session_id: str, cwd: str
) -> frozenset[str]:
    """Name the languages of the files that a session worked on lately, else those of its folder."""
    counts: dict[str, int] = {}
    rows = (
        connection.execute(_CALLS, (MAX_CALL_CHARS, workspace_id, session_id, MAX_CALLS))
        if session_id
        else ()
    )
    for (data,) in rows:
        # A file that a call names twice is one.
        for language in {_BY_ENDING.get(ending, "") for ending in _FILE.findall(str(data))}:
            counts[language] = counts.get(language, 0) + 1
    counts.pop("", None)
    least = max(FEWEST_FILES, LEAST_SHARE * sum(counts.values()))
    found = frozenset(language for language, number in counts.items() if number >= least)
    return found or (_of_folder(cwd) if cwd else frozenset())


def _of_folder(cwd: str) -> frozenset[str]:
    try:
        return frozenset(language for name, language in _MARKERS.items() if os.path.lexists(f"{cwd}/{name}"))
    except (OSError, ValueError):
        return frozenset()


def said(text: str) -> frozenset[str]:
    """Name the languages that a text speaks of."""
    words = {word.strip(".-") if word != ".net" else word for word in _WORD.findall(text.lower())}
    return frozenset(_BY_WORD[word] for word in words & _BY_WORD.keys())


def of_skill(name: str, description: str) -> frozenset[str]:
    """Name the languages that a skill says it is for."""
    parts = name.lower().replace("_", "-").split("-")
    in_name = {_BY_NAME[part] for part in parts if part in _BY_NAME}
    return said(" ".join(parts)) | said(description) | in_name


def fitting(candidates: "Sequence[Candidate]", *, prompt: str, at_hand: frozenset[str]) -> "list[Candidate]":
    """Order candidates anew: shared ones for other languages than are at hand or asked for count less."""
    if not at_hand:
        return list(candidates)
    wanted = at_hand | said(prompt)
    found = [_weighed(one, wanted) for one in candidates]
    return sorted(found, key=lambda one: -one.score)


def is_elsewhere(candidate: "Candidate", languages: frozenset[str]) -> bool:
    """Say whether a shared skill is for other languages than those."""
    if candidate.project_id or not languages:
        return False
    its = of_skill(candidate.name, candidate.description)
    return bool(its) and its.isdisjoint(languages)


def _weighed(candidate: "Candidate", languages: frozenset[str]) -> "Candidate":
    if not is_elsewhere(candidate, languages):
        return candidate
    found = copy.copy(candidate)
    found.score *= ELSEWHERE
    return found
