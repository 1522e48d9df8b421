"""Charts: well-formed SVG without a style of its own, with what it shows in words."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from hivemind.domain.skills import SkillState
from hivemind.evaluation.statistics import Interval
from hivemind.evaluation.uplift import Side, Uplift
from hivemind.server.pages.charts import Bar, Part, columns, intervals, strip

NUMBERS = st.floats(min_value=0, max_value=1e9)


def elements(svg: str) -> list[ET.Element]:
    """Read an SVG."""
    return list(ET.fromstring(svg).iter())  # noqa: S314 - made here


def measured(difference: float, low: float, high: float) -> Uplift:
    """Give what one skill does."""
    return Uplift(
        skill_id="s",
        name="s",
        project_id="",
        state=SkillState.ACTIVE,
        version=1,
        request_model="",
        exposures=9,
        given=Side(),
        withheld=Side(),
        difference=difference,
        interval=Interval(low, high),
        is_enough=True,
    )


@given(st.lists(st.tuples(st.text(max_size=80), NUMBERS, NUMBERS), max_size=30))
def test_columns_are_well_formed(rows: list[tuple[str, float, float]]) -> None:
    """Whatever labels and numbers there are, nothing is drawn outside, and nothing carries a style."""
    bars = [
        Bar(label=label, parts=(Part(kind="success", value=a), Part(kind="failure", value=b)))
        for label, a, b in rows
    ]
    drawn = columns(bars, title="Work <by> day")
    if not bars:
        assert drawn == ""
        return
    for element in elements(drawn):
        assert "style" not in element.attrib
        if element.tag == "rect":
            assert float(element.attrib["height"]) >= 0


@given(st.text(max_size=200))
def test_a_label_is_text(label: str) -> None:
    """A name from a transcript is no markup in a chart either."""
    drawn = intervals([(label, measured(0.1, -0.1, 0.3))], title=label)
    assert {element.tag for element in elements(drawn)} == {"svg", "g", "title", "text", "line", "circle"}


def test_an_interval_that_crosses_zero_is_not_coloured() -> None:
    """Better, worse and open are told apart by class, and each is told in words."""
    rows = [
        ("up", measured(0.2, 0.1, 0.3)),
        ("down", measured(-0.2, -0.3, -0.1)),
        ("open", measured(0, -1, 1)),
    ]
    drawn = intervals(rows, title="Uplift")
    kinds = [e.attrib["class"] for e in elements(drawn) if e.attrib.get("class", "").startswith("interval")]
    assert kinds == ["interval better", "interval worse", "interval open"]
    titles = [e.text for e in elements(drawn) if e.tag == "title"]
    assert titles[0] == "up: +20%, 95 % between +10% and +30%"


def test_a_strip_is_as_wide_as_its_shares() -> None:
    """A quarter is a quarter of the width; nothing is drawn of nothing."""
    drawn = elements(strip([Part(kind="trial", value=1), Part(kind="active", value=3)], title="States"))
    widths = [float(e.attrib["width"]) for e in drawn if e.tag == "rect"]
    assert widths[1] == 3 * widths[0]
    assert strip([Part(kind="trial", value=0)], title="States") == ""
