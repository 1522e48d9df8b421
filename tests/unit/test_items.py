"""Items of a skill are found in any wording, and changed one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from stories import lesson

from hivemind.distill import compose, items
from hivemind.distill.items import Edit, Item
from hivemind.distill.writers import template

FIX = Item(section="fixes", text="- `pytest` fails. Run `make test` instead.", lesson_ids=("l1",))
LINT = Item(section="commands", text="- Lint: `make lint`", lesson_ids=("l2",))
TEST = Item(section="commands", text="- Run the tests: `make test`", lesson_ids=("l3",))
TESTS = Item(section="commands", text="- Run the tests: `make test`, `make e2e`", lesson_ids=("l3", "l4"))
ORDER = Item(section="order", text="1. `make lint`\n2. `make test`", lesson_ids=("l5",))
OTHER = Item(section="order", text="1. `make test`\n2. `make lint`", lesson_ids=("l6",))
PLAIN = "# Checks\n\nWhat works here:\n\n- Lint: `make lint`\n- Run the tests: `make test`\n"


def merge(
    body: str, before: list[Item], after: list[Item], *, reworded: bool = False
) -> tuple[str, tuple[Edit, ...]]:
    """Bring a body from items to others; give what found no place, too."""
    merged = items.merge(
        body,
        items.edits(before, after),
        present=before,
        wanted=after,
        intros=template.INTROS,
        reworded=reworded,
    )
    return merged.body, merged.left


def actions(before: list[Item], after: list[Item]) -> list[tuple[str, str]]:
    """Give what becomes of which item."""
    return [(e.action, (e.after or e.before or FIX).text) for e in items.edits(before, after)]


def test_edits() -> None:
    """What has the same words is the same; what shares a lesson is changed; an order replaces the other."""
    assert actions([TEST], [TEST]) == []
    assert actions([TEST], [TESTS, LINT]) == [("changed", TESTS.text), ("added", LINT.text)]
    assert actions([TEST, FIX], [FIX]) == [("removed", TEST.text)]
    assert actions([ORDER], [OTHER]) == [("changed", OTHER.text)]


def test_an_item_is_put_beside_its_neighbours() -> None:
    """A person's words around it stay; a section that is not there is added at the end."""
    body = "# Mine\n\nMy words:\n\n- Lint: `make lint`\n\nThe end.\n"
    new, left = merge(body, [LINT], [LINT, TEST, FIX])
    assert left == ()
    assert new == (
        "# Mine\n\nMy words:\n\n- Lint: `make lint`\n- Run the tests: `make test`\n\nThe end.\n\n"
        "What fails here, and what to do:\n\n- `pytest` fails. Run `make test` instead.\n"
    )


def test_the_last_item_takes_its_section_along() -> None:
    """A line above an empty list would say nothing; a person's line above it stays."""
    both = PLAIN + "\nWhat fails here, and what to do:\n\n- `pytest` fails. Run `make test` instead.\n"
    assert merge(both, [LINT, TEST, FIX], [LINT, TEST])[0] == PLAIN
    first = merge(both, [LINT, TEST, FIX], [FIX])[0]
    assert first == (
        "# Checks\n\nWhat fails here, and what to do:\n\n- `pytest` fails. Run `make test` instead.\n"
    )
    assert merge("Own:\n\n- Lint: `make lint`\n", [LINT], [])[0] == "Own:\n\n"


def test_a_reworded_item_is_found_by_its_commands() -> None:
    """Where a model worded the text; in a person's only the very line is the machine's."""
    body = "# Do\n\nTests run with `make test` here, run the tests so.\n- To lint the code: `make lint`\n"
    new, left = merge(body, [LINT, TEST], [TESTS], reworded=True)
    assert (new, left) == ("# Do\n\n- Run the tests: `make test`, `make e2e`\n", ())
    same, left = merge(body, [LINT, TEST], [TESTS])
    assert same == body
    assert [edit.action for edit in left] == ["changed", "removed"]


def test_a_line_is_one_item_s() -> None:
    """A command that another item also names does not stand for both."""
    body = "# Do\n\n- `pytest` fails. Run `make test` instead.\n"
    assert items.missing([FIX, TEST], body) == [TEST]
    assert items.missing([ORDER], "- then\n1. `make lint` first\n2. `make test` next\n") == []
    assert items.missing([ORDER], "1. `make lint`\n") == [ORDER]


def test_every_lesson_of_a_draft_belongs_to_an_item() -> None:
    """Also a command that stands in an order, or that is a remedy, and the folder it belongs to."""
    draft = compose.Draft(
        project_id="p1",
        project_name="shop",
        topic="checks",
        procedures=(lesson("procedure", "k", topic="checks", steps=["make lint", "make test"]),),
        commands=tuple(
            lesson("command", c, command=c, purpose=p)
            for c, p in (
                ("make lint", "lint"),
                ("make test", "test"),
                ("make fix", "lint"),
                ("make all", "build"),
            )
        ),
        areas=(lesson("area", "a", topic="area", command="make all", folder="src/app"),),
        fixes=(lesson("fix", "f", failed="make lint", fix="make fix", error="", relation="remedy"),),
        rules=(lesson("correction", "r", topic="rules", rule="Ask first."),),
    )
    told = {lesson_id for item in template.items(draft) for lesson_id in item.lesson_ids}
    assert told == {x.lesson_id for x in draft.lessons}
    assert [item.section for item in template.items(draft)] == ["order", "commands", "fixes", "rules"]


lines = st.text(st.sampled_from("ab `-#1.\n “”"), max_size=40)
some_items = st.lists(
    st.builds(
        lambda s, t, i: Item(section=s, text=f"- {t.replace(chr(10), ' ').rstrip()}x", lesson_ids=(i,)),
        st.sampled_from(["commands", "fixes"]),
        lines,
        st.sampled_from("abc"),
    ),
    max_size=5,
    unique_by=lambda item: item.text,
)


@given(lines, some_items, some_items, st.booleans())
def test_what_is_not_an_item_stays(body: str, before: list[Item], after: list[Item], reworded: bool) -> None:
    """Whatever the text holds, no other line is lost or moved, and what is added is there."""
    new, _ = merge(body, before, after, reworded=reworded)
    added = [e.after.text for e in items.edits(before, after) if e.after and not e.before]
    assert all(text in new.split("\n") for text in added)
    if not before:
        told = {*added, *(intro for intros in template.INTROS.values() for intro in intros)}
        assert [x for x in new.split("\n") if x.strip() and x not in told] == [
            x for x in body.split("\n") if x.strip() and x not in told
        ]


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_the_ledger_may_hold_anything(stored: object) -> None:
    """What are no items is left out."""
    assert isinstance(items.of_json(stored), tuple)
    assert items.of_json(items.as_json([FIX, ORDER])) == (FIX, ORDER)


POOL = [FIX, LINT, TEST, TESTS, ORDER, Item(section="rules", text="- Use pnpm.", lesson_ids=("l7",))]
steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["Mine {}.", "- mine {} `make test`", "  mine {}", ""]), st.integers(1, 30)
        ),
        st.lists(st.sampled_from(POOL), unique=True),
    ),
    max_size=12,
)


@given(steps)
def test_whatever_comes_and_goes_a_persons_lines_stay(story: list[tuple[str, int] | list[Item]]) -> None:
    """Lines that a person puts anywhere survive every coming and going of lessons, in their order."""
    body, wrote = "# Title\n", list[Item]()
    for number, step in enumerate(story):
        if isinstance(step, tuple):
            text = body.split("\n")
            text.insert(min(step[1], len(text)), step[0].format(number))
            body = "\n".join(text)
            continue
        before = [line for line in body.split("\n") if "ine " in line]
        body, left = merge(body, wrote, step)
        assert [line for line in body.split("\n") if "ine " in line] == before
        assert body.startswith("# Title\n")
        wrote = [*step, *(edit.before for edit in left if edit.before is not None)]
