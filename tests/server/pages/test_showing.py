"""Captured text in a page: nothing of it is markup, and nothing of it is hidden."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.server.pages import showing
from hivemind.server.pages.showing import cut, diff, is_odd, line, markdown, plain, visible

HARD = st.text(
    st.one_of(
        st.sampled_from("<>&\"'`/=ab \n\t\r\x00\x07\x1b[]m;"),
        st.sampled_from("\u202e\u200b\u200d\ufe0f\u0301\u2028\U000e0041❤👨\ud800"),
        st.characters(),
    )
)


class Read(HTMLParser):
    """Collect the elements and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Read:
    """Read HTML as a browser does."""
    found = Read()
    found.feed(html)
    found.close()
    return found


@given(HARD)
def test_a_text_is_never_markup(text: str) -> None:
    """Whatever it says, there are only our own marks in it, which carry nothing of it."""
    for tag, attributes in read(str(visible(text))).tags:
        assert tag == "span"
        assert attributes.keys() == {"class", "title"}
        assert attributes["class"] == "odd"


@given(HARD)
def test_nothing_in_a_text_is_hidden(text: str) -> None:
    """No character that cannot be seen is left but those within an emoji, and what can be seen stays."""
    shown = read(str(visible(text))).text
    assert shown == plain(text)
    assert [c for c in shown if is_odd(c) and c not in "\u200d\ufe0f"] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain <b>", "plain <b>"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\x1b[31mred\x1b[0m", "⟨ESC[31m⟩red⟨ESC[0m⟩"),
        ("\x1b]0;title\x07x", "⟨ESC]0;title·⟩x"),
        ("\x1b", "⟨U+001B⟩"),
        ("one\r\ntwo\rthree", "one\ntwo⟨U+000D⟩three"),
        ("\x00", "⟨U+0000⟩"),
        ("pay\u3164pal", "pay⟨U+3164⟩pal"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("❤️ 👨‍👩‍👧", "❤️ 👨‍👩‍👧"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 5, "e" + "\u0301" * 3 + "⟨U+0301⟩" * 2),
        ("a\ufe0fb", "a⟨U+FE0F⟩b"),
        ("نص عربي", "نص عربي"),
    ],
)
def test_odd_characters_are_shown_by_number(text: str, shown: str) -> None:
    """What a reader would not see, or would see elsewhere, has a mark; what is writing has none."""
    assert plain(text) == shown
    assert read(str(visible(text))).text == shown


@given(HARD)
def test_markdown_is_never_markup_of_its_own(text: str) -> None:
    """No script, no link, no image, no style and no event handler comes of any Markdown."""
    allowed = {"p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "em", "strong", "span", "br"}
    allowed |= {"blockquote", "hr", "table", "thead", "tbody", "tr", "th", "td"}
    for tag, attributes in read(str(markdown(text))).tags:
        assert tag in allowed
        assert attributes.keys() <= {"class", "title", "tabindex", "start"}


def test_links_and_images_are_text() -> None:
    """A link is its words and its address; nothing is loaded and nothing can be pressed."""
    shown = read(str(markdown("[words](https://a.example/x) ![shot](http://t.example/p.png) <b>x</b>")))
    assert {tag for tag, _ in shown.tags} == {"p", "span"}
    assert "words (https://a.example/x)" in shown.text
    assert "[image: shot] (http://t.example/p.png)" in shown.text
    assert "<b>x</b>" in shown.text


def test_headings_of_a_skill_stand_below_those_of_the_page() -> None:
    """The page has a title and a heading above them."""
    assert [tag for tag, _ in read(str(markdown("# a\n\n## b\n\n###### c"))).tags] == ["h3", "h4", "h6"]


def test_a_huge_text_is_cut_in_the_middle() -> None:
    """Both ends stay, and how much is left out is known."""
    found = cut("a" * 10_000 + "b" * 10_000)
    assert (len(found.head), len(found.tail)) == (showing.MAX_CHARS, showing.MAX_TAIL_CHARS)
    assert found.left_out == 20_000 - showing.MAX_CHARS - showing.MAX_TAIL_CHARS
    assert cut("short").left_out == 0
    assert len(line("word " * 1_000_000, 50)) <= 50


def test_a_difference_says_what_each_line_is() -> None:
    """Lines that came, went and stayed are told apart; the same text has none."""
    found = diff("a\nb\nc", "a\nB\nc")
    assert [(each.kind, each.text) for each in found if each.kind != "place"] == [
        ("same", "a"),
        ("removed", "b"),
        ("added", "B"),
        ("same", "c"),
    ]
    assert diff("a", "a") == []
