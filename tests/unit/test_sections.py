"""Of a long skill the part that a prompt is about is shown, whole paragraphs of it, within the budget."""

from hypothesis import given
from hypothesis import strategies as st

from hivemind.retrieval.sections import best_section
from hivemind.retrieval.tokens import count_tokens

BODY = """# Releases

Read this first.

## Cut a branch

Run `git switch -c release`.

## Publish the wheel

Build it with `hatch build`.

```sh
# not a heading

hatch publish --repo internal
```

Then announce it.
"""


def test_the_section_with_most_of_the_prompts_words_is_given() -> None:
    """A heading inside of a block of code begins none."""
    found = best_section(BODY, ["publish", "hatch", "wheel"], budget_tokens=200)
    assert found.startswith("## Publish the wheel")
    assert found.endswith("Then announce it.")
    assert "hatch publish" in found
    assert best_section(BODY, ["branch"], budget_tokens=200).startswith("## Cut a branch")


def test_a_section_is_cut_between_paragraphs_and_never_within_code() -> None:
    """What does not fit is left out from the end; a heading alone is nothing."""
    words = ["hatch"]
    cut = best_section(BODY, words, budget_tokens=25)
    assert cut == "## Publish the wheel\n\nBuild it with `hatch build`."
    assert best_section(BODY, words, budget_tokens=5) == ""


def test_no_word_means_no_section() -> None:
    """A section that has nothing of the prompt is none that it is about."""
    assert best_section(BODY, ["zebra"], budget_tokens=200) == ""
    assert best_section("", ["zebra"], budget_tokens=200) == ""


@given(st.text(), st.lists(st.text(max_size=8), max_size=5), st.integers(0, 60))
def test_it_never_fails_and_never_costs_more_than_the_budget(
    body: str, words: list[str], budget: int
) -> None:
    """Whatever a body holds."""
    assert count_tokens(best_section(body, words, budget_tokens=budget)) <= budget + 2
