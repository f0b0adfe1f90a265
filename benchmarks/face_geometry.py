"""Turned heads, swapped faces and swapped parts, judged by head pose and identity: are their promises kept?

python -m benchmarks.face_geometry                  figures
python -m benchmarks.face_geometry --look FOLDER    also writes the first pictures, to be looked at

Sources are the adults of benchmarks/au_editor.py, from FairFace's `validation` part, so many of each perceived race;
nothing was tuned on them. A swap takes the face, or both eyes and the mouth, of the next person in the list whom the
generator accepts. Every picture is read from its pixels: the face is found again, then labelled. Heads were turned by a
factor that was set on other photos with the same meter, the annotator `head_pose`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.weights import ModelStore
from benchmarks.au_editor import Values, read, sources
from benchmarks.au_pairs import Reader
from benchmarks.labelling import arguments
from benchmarks.statistics import mean, proportion, table
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.promise import SAME_PERSON, same_person
from curate.generators.registry import generator
from curate.generators.subject import Subject
from schemas.columns import labels

READ = ("mesh", "head_pose", "identity", "blendshapes")
PER_GROUP = 8
TURNS: tuple[Mapping[str, float], ...] = (
    {"yaw": -20.0, "pitch": 0.0}, {"yaw": -10.0, "pitch": 0.0}, {"yaw": 10.0, "pitch": 0.0},
    {"yaw": 20.0, "pitch": 0.0}, {"yaw": 0.0, "pitch": 12.0}, {"yaw": 0.0, "pitch": -12.0},
)  # fmt: skip
POSE = (labels.YAW, labels.PITCH, labels.ROLL)
STILL = 3.0
"""Degrees within which a swapped face keeps the subject's pose."""
Person = tuple[str, Subject, Values]


def made(name: str, settings: Mapping[str, Any], request: Request) -> Made | None:
    """One picture, or None where the generator refuses."""
    cls = generator(name)
    worker = cls(cls.config_type(**settings))
    try:
        return next(iter(worker.make(request, worker.draw(request, np.random.default_rng(0)))))
    except CannotGenerate:
        return None


def saved(folder: Path | None, name: str, number: int, *pictures: Any) -> None:
    """Write pictures side by side, for the first ten people."""
    if folder is not None and number < 10:
        cv2.imwrite(str(folder / f"{name}_{number}.png"), np.hstack(pictures)[:, :, ::-1])


def cosine(one: Values, two: Values) -> float:
    """SFace's cosine of two faces; -1 where one was not described."""
    value = same_person(one[labels.EMBEDDING.name], two[labels.EMBEDDING.name])
    return -1.0 if value is None else value


def turned(people: Sequence[Person], look: Reader, folder: Path | None) -> Iterator[tuple[Any, ...]]:
    """A row per turn: how far the measured pose follows, and whether the person is still the same."""
    for settings in TURNS:
        column = labels.YAW if settings["yaw"] else labels.PITCH
        asked = settings["yaw"] or settings["pitch"]
        rows = []
        for number, (_, subject, before) in enumerate(people):
            picture = made("head_turn", settings, Request(subject))
            if picture is None:
                continue
            saved(folder, f"turn{asked:+.0f}{column.name}", number, subject.pixels, picture.pixels)
            after = read(look, picture.pixels)
            if after is None or after[column.name] is None:
                rows.append((np.nan, False, -1.0))
                continue
            held = all(c.held(before, after) for c in picture.promise.changes)
            rows.append((after[column.name] - before[column.name], held, cosine(before, after)))
        moved, held_all, same = (np.array(v) for v in zip(*rows, strict=True))
        found = ~np.isnan(moved)
        yield (column.name, f"{asked:+.0f}", len(rows), len(people) - len(rows), mean(moved[found]),
               float(moved[found].std()), proportion(held_all), proportion(same > 0.6),
               proportion(same >= SAME_PERSON))  # fmt: skip


def swapped(
    name: str, settings: Mapping[str, Any], people: Sequence[Person], look: Reader, folder: Path | None
) -> list[Values]:
    """A row per pair of people that the generator accepts."""
    rows = []
    for number, (race, subject, before) in enumerate(people):
        for step in range(1, len(people)):
            _, partner, other = people[(number + step) % len(people)]
            picture = made(name, settings, Request(subject, partner))
            if picture is not None:
                break
        else:
            continue
        saved(folder, name, number, subject.pixels, partner.pixels, picture.pixels)
        after = read(look, picture.pixels)
        found = after is not None and after[labels.YAW.name] is not None
        row: Values = {"race": race, "refused": step - 1, "found": found}
        outside = np.asarray(picture.changed) == 0
        row["outside"] = bool(np.array_equal(picture.pixels[outside], subject.pixels[outside]))
        if after is not None and found:
            turn = max(abs(after[c.name] - before[c.name]) for c in POSE)
            row |= {"turn": turn, "to_partner": cosine(after, other), "to_subject": cosine(after, before)}
        rows.append(row)
    return rows


def summary(name: str, rows: Sequence[Values]) -> list[tuple[Any, ...]]:
    """Rows of the table of swaps, by the subject's perceived race."""
    lines = []
    for race in ("all", *sorted({r["race"] for r in rows})):
        some = [r for r in rows if race in ("all", r["race"])]
        partner = [r.get("to_partner", -1.0) for r in some]
        subject = [r.get("to_subject", -1.0) for r in some]
        lines.append((
            name, race, len(some), proportion([p >= SAME_PERSON for p in partner]), mean(partner), mean(subject),
            proportion([p > s for p, s in zip(partner, subject, strict=True)]),
            proportion([r.get("turn", np.inf) <= STILL for r in some]), proportion([r["outside"] for r in some]),
        ))  # fmt: skip
    return lines


def main() -> None:
    """Make, read and print."""
    parser = arguments(__doc__)
    parser.add_argument("--per-group", type=int, default=PER_GROUP, help="faces of each perceived race")
    parser.add_argument("--look", type=Path, help="folder for pictures of the first ten people")
    options = parser.parse_args()
    if options.look:
        options.look.mkdir(parents=True, exist_ok=True)
    look = Reader(ModelStore(), *READ)
    people = list(sources(options.data, look, options.per_group))
    print(f"{len(people)} portraits\n\nHeads turned\n")
    head = ("angle", "asked", "portraits", "refused", "measured change", "SD", "promise kept", "cosine > 0.6",
            f"cosine >= {SAME_PERSON}")  # fmt: skip
    print(table(head, turned(people, look, options.look)), "\n\nFaces and parts swapped\n")
    lines = []
    for name, settings in (("face_swap", {}), ("part_swap", {"parts": "eyes,mouth"})):
        lines += summary(name, swapped(name, settings, people, look, options.look))
    head = ("generator", "perceived race", "pairs", f"partner: cosine >= {SAME_PERSON}", "cosine to partner",
            "cosine to subject", "nearer to partner", f"pose within {STILL:g}", "outside the mask equal")  # fmt: skip
    print(table(head, lines))


if __name__ == "__main__":
    main()
