"""Time `models` and `report` over many exposures.

`python -m benchmarks.report [--exposures 100000] [--json]` fills a store with made-up numbers in a temporary
folder, and runs the real command line on it. Needs no data.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.unit.experiment import Experiment, make_skill

from hivemind.domain.exposures import Arm
from hivemind.store.database import open_database

SKILLS = 60
PROJECTS = 6
MODELS = tuple(f"model-{letter}" for letter in "abcdef")
COMMANDS = (
    ("models",),
    ("models", "--json"),
    ("models", "--image", "matrix.svg"),
    ("models", "compare", "model-a", "model-b"),
    ("report", "-o", "report.html"),
)


def fill(folder: Path, *, exposures: int, seed: int) -> int:
    """Store so many exposures, a few to a session; give their number."""
    draw = random.Random(seed)
    folder.mkdir()
    database = open_database(folder / "hivemind.db")
    each = max(1, exposures // (SKILLS * len(MODELS)))
    stored = 0
    with database.write() as workspace:
        world = Experiment(workspace)
        for number in range(SKILLS):
            project = f"p{number % PROJECTS}"
            skill = make_skill(workspace, f"skill-{number}", project_id=project)
            for model in MODELS:
                for arm, count in ((Arm.GIVEN, each - each // 10), (Arm.WITHHELD, each // 10)):
                    rate = 0.4 + 0.4 * draw.random()
                    successes = round(count * rate)
                    world.add(
                        skill,
                        arm=arm,
                        successes=successes,
                        failures=count - successes,
                        model=model,
                        project_id=project,
                        episodes_a_session=3,
                    )
                    stored += count
        world.store()
    database.close()
    return stored


def measure(folder: Path, work: Path) -> list[dict[str, Any]]:
    """Run each command once on the filled store; `--version` beside them is what starting alone costs."""
    rows = []
    for words in (("--version",), *COMMANDS):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "hivemind", *words],
            cwd=work,
            env={"HIVEMIND_HOME": str(folder), "HOME": str(work), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=True,
        )
        rows.append({"command": " ".join(words), "seconds": round(time.perf_counter() - started, 2)})
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--exposures", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        stored = fill(work / "data", exposures=chosen.exposures, seed=chosen.seed)
        rows = measure(work / "data", work)
    if chosen.json:
        print(json.dumps({"exposures": stored, "commands": rows}, indent=2))
        return
    print(f"{stored:,} exposures of {SKILLS} skills with {len(MODELS)} models")
    for row in rows:
        print(f"{row['seconds']:7.2f} s  hivemind {row['command']}")


if __name__ == "__main__":
    main()
