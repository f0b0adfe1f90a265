"""Run the accuracy benchmarks one after another and collect their tables.

python -m benchmarks.all [--write docs/accuracy.md] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

BENCHMARKS = {
    "detection": "Detection",
    "landmarks": "Landmarks",
    "conversions": "Landmark conversions",
    "head_pose": "Head pose",
    "action_units": "Action units",
    "au_pairs": "Action units on drawn pairs",
    "dead_channels": "Channels that never move",
    "emotion": "Perceived expression",
    "emotion_groups": "Perceived expression: colour and groups",
    "demographics_heads": "Perceived race, gender and age",
    "demographics": "Perceived age and gender, the older models",
    "skin_tone": "Skin tone",
    "identity": "Identity",
    "quality": "Quality and visibility",
    "parsing": "Parts of the face, from the mesh",
    "consistency": "Contradictions",
    "fusion": "Fusion",
    "caption": "Captions",
}
INTRODUCTION = """# Accuracy

Made by `python -m benchmarks.all --write docs/accuracy.md`; each section by the command under its title. Every figure
is measured on photos that were not used to fit or tune, with n and a 95 % interval. Groups are the perceived groups of
the data sets' own labels.
"""


def section(name: str) -> str:
    """What one benchmark prints, under its title and command.

    Raises:
        SystemExit: if it fails; its error stream has been shown.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    begun = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"benchmark {name} failed")
    sys.stderr.write(f"{name}: {time.monotonic() - begun:.0f} s\n")
    body = re.sub(r"^#+ ", "### ", done.stdout.strip(), flags=re.MULTILINE)
    return f"## {BENCHMARKS[name]}\n\n`python -m benchmarks.{name}`\n\n{body}\n"


def main() -> None:
    """Run them and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    chosen = parser.parse_args()
    page = "\n".join([INTRODUCTION, *(section(name) for name in chosen.only)])
    if chosen.write:
        chosen.write.write_text(page, "utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
