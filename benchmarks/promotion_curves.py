"""Draw what the policy of promotion can and cannot see: `python -m benchmarks.promotion_curves docs`."""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from benchmarks.promotion import HIVEMIND, POLICIES, Policy, Team
from benchmarks.promotion_world import World, make_history

#: A world in which skills that harm do so strongly, and twice as many do.
HARSH = World(harmful=1 / 8, harmful_least=0.1, harmful_most=0.3)
EFFECTS = (-0.3, -0.2, -0.1, 0.0, 0.2)
_SIZE = 640, 360
_FRAME = 56, 36, 430, 310  # left, top, right, bottom
_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#777777",
    "#000000",
)  # told apart by the colour-blind


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold one line of a picture."""

    name: str
    points: tuple[tuple[float, float], ...]
    colour: str
    is_dashed: bool = False


def detection(*, seed: int, teams: int, episodes: int = 1_500) -> list[Line]:
    """Give the share of teams that have demoted one skill by the number of episodes that it fitted."""
    lines = []
    for effect, colour in zip(EFFECTS, _COLOURS, strict=False):
        world = World(
            skills=1, projects=1, fit=1.0, episodes=episodes, swap=1.0,
            helpful=1.0, helpful_least=effect, helpful_most=effect,
        )  # fmt: skip
        for policy in (HIVEMIND, replace(HIVEMIND, name="fixed", adaptive=False)):
            ended = [_demoted_after(policy, world, seed * 100_003 + team) for team in range(teams)]
            lines.append(
                Line(
                    name=(f"{effect * 100:+.0f} points" if effect else "no effect")
                    + ("" if policy is HIVEMIND else ", fixed"),
                    points=tuple(
                        (at, fmean(end is not None and end <= at for end in ended))
                        for at in range(0, episodes // 2 + 1, 25)
                    ),
                    colour=colour,
                    is_dashed=policy is not HIVEMIND,
                )
            )
    return lines


def _demoted_after(policy: Policy, world: World, seed: int) -> int | None:
    """Give the number of episodes that a skill fitted until it was demoted; None if it never was."""
    history = make_history(world, seed)
    team = Team(policy=policy, history=history)
    team.play()
    end = team.skills[0].demoted_at
    if end is None:
        return None
    return sum(
        len(fit.episodes) for session in history.sessions if session.first < end for fit in session.fits
    )


def regret(world: World, *, seed: int, teams: int) -> list[Line]:
    """Give the successes lost against the oracle, by number of episodes, for each policy."""
    step = world.episodes // 50
    totals: dict[str, list[float]] = {policy.name: [0.0] * 51 for policy in POLICIES}
    for number in range(teams):
        history = make_history(world, seed * 100_003 + number)
        for policy in POLICIES:
            team = Team(policy=policy, history=history)
            team.play()
            for at, loss in team.lost:
                totals[policy.name][min(50, at // step + 1)] += loss / teams
    lines = []
    for (name, losses), colour in zip(totals.items(), _COLOURS, strict=False):
        lines.append(
            Line(
                name=name,
                points=tuple((number * step, sum(losses[: number + 1])) for number in range(51)),
                colour=colour,
            )
        )
    return lines


def picture(title: str, lines: Sequence[Line], *, across: str, up: str) -> str:
    """Write lines as an SVG, with axes and a legend; dashed lines have no entry of their own."""
    left, top, right, bottom = _FRAME
    most_x = max(x for line in lines for x, _ in line.points)
    highest = max(y for line in lines for _, y in line.points)
    most_y = 1.0 if highest <= 1 else math.ceil(highest / 4) * 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE[0]} {_SIZE[1]}">',
        f"<title>{title}</title><style>text {{ font: 12px sans-serif }}</style>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="20">{title}</text>',
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#444"/>',
        f'<text x="{(left + right) / 2:.0f}" y="350" text-anchor="middle">{across}</text>',
        f'<g transform="translate(14 {(top + bottom) / 2:.0f}) rotate(-90)">',
        f'<text text-anchor="middle">{up}</text></g>',
    ]
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + part * (right - left), bottom - part * (bottom - top)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 16}" text-anchor="middle">{most_x * part:.0f}</text>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{most_y * part:.3g}</text>')
        parts.append(f'<path d="M{left} {y:.0f}H{right}" stroke="#eee"/>')
    for line in lines:
        points = " ".join(
            f"{left + x / most_x * (right - left):.1f},{bottom - y / most_y * (bottom - top):.1f}"
            for x, y in line.points
        )
        dash = ' stroke-dasharray="5 4"' if line.is_dashed else ""
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"{dash}/>'
        )
    for place, line in enumerate(line for line in lines if not line.is_dashed):
        y = top + 14 + 20 * place
        parts.append(f'<path d="M{right + 12} {y - 4}h18" stroke="{line.colour}" stroke-width="2"/>')
        parts.append(f'<text x="{right + 36}" y="{y}">{line.name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main(argv: Sequence[str] | None = None) -> int:
    """Draw every picture into a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promotion_curves", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--teams", type=int, default=40)
    arguments = parser.parse_args(argv)
    seed, teams = arguments.seed, arguments.teams
    drawn = {
        "detection": picture(
            "A skill that changes success by so many points: demoted?",
            detection(seed=seed, teams=teams),
            across="episodes that it fits (dashed: without raising the share in doubt)",
            up="share of teams",
        ),
        "published": picture(
            "Published effects: most do nothing, harm up to 10 points",
            regret(World(), seed=seed, teams=teams),
            across="episodes",
            up="successes lost against an oracle",
        ),
        "harsh": picture(
            "One skill in eight harms, by 10 to 30 points",
            regret(HARSH, seed=seed, teams=teams),
            across="episodes",
            up="successes lost against an oracle",
        ),
    }
    for name, text in drawn.items():
        (arguments.folder / f"promotion-{name}.svg").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
