"""Whether an agent did what a skill says is read from the commands it ran."""

from __future__ import annotations

import time

import pytest
from exposure_stories import BODY
from hypothesis import given, settings
from hypothesis import strategies as st

from hivemind.evaluation.following import Called, advice, commands, followed

ORDER = """\
# Checks in app: tests, lint, types and build

After the last change and before committing, in this order:

1. `bun run test`
2. `bun run lint`

Also known to work here:

- Build, after changing `frontend/src`: `bun run css:build`
- Check the types: `bun run typecheck`

What fails here, and what to do:

- When `bun run lint` fails with “× Some errors.”, run `bun run lint:fix`, then `bun run lint` again.
- `rtk bun run test` fails with “error: unrecognized subcommand”. Run `bun run test` instead.
"""


def ran(*lines: str) -> list[Called]:
    """Give calls of a shell."""
    return [Called(tool_name="Bash", command=line) for line in lines]


@pytest.mark.parametrize(
    ("body", "lines", "expected"),
    [
        (BODY, ["./check --profile local test-suite"], True),
        (BODY, ["cd api && FOO=1 ./check --profile local 2>&1 | tail -3"], True),
        (BODY, ["bash -lc './check -v --profile local'"], True),
        (BODY, ["./check test-suite", "./check --profile local"], False),  # first what it warns of
        (BODY, ["ls", "git status"], False),
        (BODY, ["echo './check --profile local'"], False),
        (BODY, ["cat <<'END' > notes\n./check --profile local\nEND"], False),
        (ORDER, ["bun run test", "bun run lint"], True),
        (ORDER, ["bun run typecheck"], True),
        (ORDER, ["rtk bun run test", "bun run test"], False),
        (ORDER, ["bun run lint"], False),  # one step is no order
        ("Use `pnpm test` instead of `npm test` or `yarn test`.", ["pnpm test cart"], True),
        ("Use `pnpm test` instead of `npm test` or `yarn test`.", ["yarn test", "pnpm test"], False),
        ("Do not use `npm`; run `pnpm add <package>`.", ["pnpm add left-pad"], True),
        ("Do not use `npm`; run `pnpm add <package>`.", ["npm install left-pad"], False),
        ("Don't run `npm install`. Run `npm ci` instead.", ["npm ci"], True),
        ("不要用 `npm test`，用 `pnpm test`。", ["npm test"], False),
        ("Use `uv`, not `pip`.", ["uv pip list"], True),
        ("Never run `git push --force`.", ["git push --force origin main"], False),
        ("Never run `git push --force`.", ["git push origin main"], True),
        ("Never run `git push --force`.", ["git status"], None),
        ("Before `git push`, run `make lint`.", ["git push"], False),
        ("Before `git push`, run `make lint`.", ["make lint", "git push"], True),
        ("Run:\n\n```sh\n$ make build\nok\n# then\n$ make test\n```", ["make test"], True),
        ("Wrong:\n\n```\nnpm i\n```\n\nRight:\n\n```\npnpm i\n```", ["npm i", "pnpm i"], False),
        ("```python\nrun tests\n```", ["run tests"], None),
        ("- errcheck: Error return value of `x.Close` is not checked.", ["go vet"], None),
        ("`const x = 1` and `import os` belong in `src/a.py`.", ["import os"], None),
        ("", ["make"], None),
    ],
)
def test_what_was_run_is_held_against_what_is_said(
    body: str, lines: list[str], expected: bool | None
) -> None:
    """A step taken is followed, a thing to avoid done first is not, and a text without steps says nothing."""
    assert followed(body, ran(*lines)) is expected


def test_a_tool_that_is_to_be_called_is_a_step() -> None:
    """Skills of agents without a shell name tools."""
    body = "- Call `search_flights` with `cabin` `economy`."
    assert followed(body, [Called(tool_name="mcp__air__search_flights")]) is True
    assert followed(body, [Called(tool_name="book")]) is False


def test_a_longer_step_wins_over_a_shorter_one() -> None:
    """What is to be avoided may begin like what is to be run, and the other way round."""
    body = "- `make test` fails. Run `make test PROFILE=ci` instead."
    assert followed(body, ran("make test PROFILE=ci")) is True
    assert followed(body, ran("make test")) is False


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sudo -E timeout 5 make -j4 all > log 2>&1; ls", (("make", "-j4", "all"), ("ls",))),
        ("A=1 .venv/bin/pytest -q && sh scripts/up.sh", (("pytest", "-q"), ("up.sh",))),
        ("(cd a; ./gradlew test)", (("cd", "a"), ("gradlew", "test"))),
        ("it's", ()),
        ("x" * 5_000, ()),
    ],
)
def test_a_line_is_split_into_what_it_runs(line: str, expected: tuple[tuple[str, ...], ...]) -> None:
    """Wrappers, assignments, folders and redirections are no part of a step."""
    assert commands(line) == expected


def test_a_long_paragraph_is_read_in_a_moment() -> None:
    """Sentences and code are gone through side by side; a full stop in code ends nothing."""
    began = time.monotonic()
    advice("Go on. " * 10_000 + "Run `make x. y`, " * 4_000)
    assert time.monotonic() - began < 2
    (one,) = advice("Tests. Never run `make a. b` here. Run `make c`.")
    assert ([step.words for step in one.run], [step.words for step in one.avoid]) == (
        [("make", "c")],
        [("make", "a.", "b")],
    )


@settings(deadline=None)
@given(st.text(alphabet="`'\"-*# \n1.abmrun$<>(){}|;&…", max_size=300), st.text(max_size=80))
def test_reading_never_raises(body: str, line: str) -> None:
    """Any text has some advice or none, and any line was run or not."""
    advice(body)
    followed(body, ran(line, body))
