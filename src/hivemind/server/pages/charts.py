"""Draw charts as SVG that stands in the page: coloured by classes alone, each part told in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from hivemind.evaluation.uplift import Uplift
from hivemind.server.pages.showing import plain

WIDTH: Final = 480
_ROW = 40
_LABEL_CHARS = 46


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold one part of a stacked bar."""

    kind: str  #: the class that colours it
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Hold one bar with what it stands for."""

    label: str
    parts: tuple[Part, ...]

    @property
    def total(self) -> float:
        """Give its height."""
        return sum(part.value for part in self.parts)


def columns(bars: Sequence[Bar], *, title: str, height: int = 140, unit: str = "") -> Markup:
    """Draw upright stacked bars over time; the first and the last are labelled, and the highest."""
    if not bars:
        return Markup("")
    most = max(bar.total for bar in bars) or 1.0
    left, top, bottom = 48, 14, 22
    step = (WIDTH - left - 4) / len(bars)
    width = max(1.0, min(36.0, step * 0.8))
    drawn = [
        _line(left, top, WIDTH, top, "grid"),
        _line(left, top + height, WIDTH, top + height, "axis"),
        _said(left - 6, top + 5, f"{unit}{_number(most)}", "end"),
        _said(left - 6, top + height + 4, "0", "end"),
    ]
    for place, bar in enumerate(bars):
        x, y = left + place * step + (step - width) / 2, float(top + height)
        pieces = []
        for part in bar.parts:
            tall = part.value / most * height
            y -= tall
            if tall > 0:
                pieces.append(_box(x, y, width, max(tall, 1.0), part.kind))
        told = ", ".join(f"{_number(p.value)} {p.kind}" for p in bar.parts if p.value)
        drawn.append(_group(f"{bar.label}: {unit}{told or '0'}", pieces))
    drawn.append(_said(left, top + height + 17, bars[0].label, "start"))
    if len(bars) > 1:
        drawn.append(_said(WIDTH - 2, top + height + 17, bars[-1].label, "end"))
    return _svg(drawn, width=WIDTH, height=top + height + bottom, title=title)


def strip(parts: Sequence[Part], *, title: str, height: int = 18) -> Markup:
    """Draw one lying bar of shares."""
    total = sum(part.value for part in parts)
    if not total:
        return Markup("")
    x, drawn = 0.0, []
    for part in parts:
        wide = part.value / total * WIDTH
        if wide > 0:
            drawn.append(_group(f"{_number(part.value)} {part.kind}", [_box(x, 0, wide, height, part.kind)]))
        x += wide
    return _svg(drawn, width=WIDTH, height=height, title=title)


def intervals(rows: Sequence[tuple[str, Uplift]], *, title: str) -> Markup:
    """Draw the difference in success of each row with its 95 % interval around zero."""
    known = [(label, row) for label, row in rows if row.interval is not None and row.difference is not None]
    if not known:
        return Markup("")
    left, right, top = 6, 6, 4
    reach = max(0.1, *(abs(end) for _, row in known for end in _ends(row)))
    reach = min(1.0, reach)
    middle, half = left + (WIDTH - left - right) / 2, (WIDTH - left - right) / 2
    height = top + _ROW * len(known)
    drawn = [_line(middle, top, middle, height, "axis")]
    drawn += [_line(x, top, x, height, "grid") for x in (middle - half, middle + half)]
    for place, (label, row) in enumerate(known):
        y = top + _ROW * place + _ROW - 11
        low, high = _ends(row)
        kind = "better" if low > 0 else "worse" if high < 0 else "open"
        difference = row.difference or 0.0
        x, x_low, x_high = (
            middle + max(-reach, min(reach, v)) / reach * half for v in (difference, low, high)
        )
        told = f"{label}: {difference:+.0%}, 95 % between {low:+.0%} and {high:+.0%}"
        drawn.append(
            _group(
                told,
                [
                    _said(left, y - 13, _cut(label), "start"),
                    _line(x_low, y, x_high, y, f"interval {kind}"),
                    Markup('<circle class="point {}" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(kind, x, y),
                    _said(WIDTH - right, y - 13, f"{difference:+.0%}".replace("-", "−"), "end"),
                ],
            )
        )
    drawn += [
        _said(middle - half, height + 16, f"−{reach:.0%}, worse", "start"),
        _said(middle, height + 16, "0", "middle"),
        _said(middle + half, height + 16, f"better, +{reach:.0%}", "end"),
    ]
    return _svg(drawn, width=WIDTH, height=height + 22, title=title)


def _ends(row: Uplift) -> tuple[float, float]:
    assert row.interval is not None  # noqa: S101 - chosen for having one
    return row.interval.low, row.interval.high


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL_CHARS else label[: _LABEL_CHARS - 1] + "…"


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}"


def _svg(drawn: Sequence[Markup], *, width: int, height: float, title: str) -> Markup:
    opening = Markup('<svg class="chart" viewBox="0 0 {} {:.0f}" role="img" aria-label="{}">')
    return opening.format(width, height, plain(title)) + Markup("").join(drawn) + Markup("</svg>")


def _group(title: str, drawn: Sequence[Markup]) -> Markup:
    inner = Markup("").join(drawn)
    return Markup("<g><title>{}</title>{}</g>").format(plain(title), inner)


def _box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    shape = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    return shape.format(kind, x, y, width, height)


def _line(x: float, y: float, to_x: float, to_y: float, kind: str) -> Markup:
    shape = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
    return shape.format(kind, x, y, to_x, to_y)


def _said(x: float, y: float, text: str, anchor: str) -> Markup:
    shape = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    return shape.format(x, y, anchor, plain(text))
