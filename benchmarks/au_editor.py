"""The AU editor, judged by annotators that took no part in it: what rises, who is still the same, how it is seen.

python -m benchmarks.au_editor                  figures
python -m benchmarks.au_editor --look FOLDER    also writes the first pictures, to be looked at

Sources are faces of adults from FairFace's `validation` part, so many of each perceived race, whose heads are turned
by less than 40 degrees; nothing was tuned on them (the movements were chosen by eye on ../shared/data/photos).
Every picture is read from its pixels: the face is found again, then labelled.

Two meters for a unit: `au_score` of the annotator `action_units`, and the blendshape nearest to it. Both read the mesh
that is found in the new picture, and the editor moved the mesh of the old one: they are not blind to how it works.
`au_score` also weighs texture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.weights import ModelStore
from benchmarks.au_pairs import ADULT, Reader
from benchmarks.labelling import arguments, decode, fairface
from benchmarks.statistics import mean, proportion, table
from curate.generators.au_editor import AuEditor, AuEditorConfig
from curate.generators.au_movements import movements, presets
from curate.generators.base import CannotGenerate, Request
from curate.generators.promise import same_person
from curate.generators.subject import Subject, portrait
from schemas.columns import labels

READ = ("mesh", "identity", "blendshapes", "action_units", "emotion")
SMILE = "AU12=3"
PER_GROUP, UNITS_PER_GROUP = 20, 8
LEVEL = 3
NEUTRAL = "neutral"
SAME = 0.6
"""Cosine of SFace that must be kept."""
SHAPES = {
    "AU1": "browInnerUp", "AU2": "browOuterUp", "AU4": "browDown", "AU5": "eyeWide", "AU6": "eyeSquint",
    "AU7": "eyeSquint", "AU9": "noseSneer", "AU10": "mouthUpperUp", "AU12": "mouthSmile", "AU14": "mouthDimple",
    "AU15": "mouthFrown", "AU16": "mouthLowerDown", "AU17": "mouthShrugLower", "AU18": "mouthPucker",
    "AU20": "mouthStretch", "AU23": "mouthRollLower", "AU24": "mouthPress", "AU25": "mouthLowerDown",
    "AU26": "jawOpen", "AU27": "jawOpen", "AU43": "eyeBlink",
}  # fmt: skip
"""The blendshape nearest to each unit; sides are averaged."""

Values = dict[str, Any]


def sources(data: Path, look: Reader, per_group: int) -> Iterator[tuple[str, Subject, Values]]:
    """Perceived race, portrait and its labels, of adults with a mesh in the photo and in the portrait."""
    chosen: Counter[str] = Counter()
    for image, row in fairface(data, "validation"):
        if row["age"] not in ADULT or chosen[row["race"]] >= per_group:
            continue
        picture = decode(image)
        values = read(look, picture)
        if values is None or values[labels.MESH.name] is None:
            continue
        subject = portrait(picture, values)
        before = read(look, subject.pixels)
        if before is None or before[labels.MESH.name] is None or before[labels.BLENDSHAPES.name] is None:
            continue
        chosen[row["race"]] += 1
        yield row["race"], subject, before


def read(look: Reader, picture: Any) -> Values | None:
    """All labels of the largest face of a picture."""
    batch = look(picture)
    return None if batch is None else batch.table.to_pylist()[0]


def edited(subject: Subject, text: str) -> Any:
    """The picture for an expression, or None where the editor refuses."""
    editor = AuEditor(AuEditorConfig(au=text))
    request = Request(subject)
    try:
        return next(iter(editor.make(request, editor.draw(request, np.random.default_rng(0))))).pixels
    except CannotGenerate:
        return None


def shape_of(values: Values, unit: str) -> float:
    """The nearest blendshape, mean of both sides."""
    shapes, name = values[labels.BLENDSHAPES.name], SHAPES[unit]
    return float(np.mean([shapes[n] for n in (name, f"{name}Left", f"{name}Right") if n in shapes]))


def compared(
    look: Reader, race: str, subject: Subject, before: Values, text: str, folder: Path | None, number: int
) -> Values | None:
    """Labels before and after one edit; None where the editor refuses."""
    picture = edited(subject, text)
    if picture is None:
        return None
    if folder is not None and number < 10:
        cv2.imwrite(str(folder / f"{text}_{number}.png"), np.hstack([subject.pixels, picture])[:, :, ::-1])
    after = read(look, picture)
    found = after is not None and after[labels.MESH.name] is not None
    row: Values = {"race": race, "text": text, "found": found}
    if found:
        assert after is not None
        row |= {"before": before, "after": after,
                "cosine": same_person(before[labels.EMBEDDING.name], after[labels.EMBEDDING.name])}  # fmt: skip
    return row


def scores(row: Values, unit: str) -> tuple[float, float] | None:
    """`au_score` before and after, None where the unit is not given."""
    before, after = ((row[when][labels.AU_SCORE.name] or {}).get(unit) for when in ("before", "after"))
    return None if before is None or after is None else (before, after)


def rises(rows: Sequence[Values], unit: str) -> list[bool]:
    """Whether `au_score` rises in each picture, lost faces count as no; empty for a unit that is never given."""
    if not any(r["found"] and scores(r, unit) for r in rows):
        return []
    pairs = [scores(r, unit) if r["found"] else (0.0, 0.0) for r in rows]
    return [p[1] > p[0] for p in pairs if p is not None]


def smile(rows: Sequence[Values]) -> str:
    """The bar: AU12 raised by 3, by perceived race."""
    lines = []
    for name in ("all", *sorted({r["race"] for r in rows})):
        some = [r for r in rows if name in ("all", r["race"])]
        shapes = [r["found"] and shape_of(r["after"], "AU12") > shape_of(r["before"], "AU12") for r in some]
        kept = [r["found"] and (r["cosine"] or 0) > SAME for r in some]
        lines.append((name, len(some), proportion(rises(some, "AU12")), proportion(shapes), proportion(kept)))
    return table(("perceived race", "portraits", "au_score rises", "mouthSmile rises", f"cosine > {SAME}"), lines)


def units(rows: Sequence[Values]) -> str:
    """Every unit raised by 3."""
    lines = []
    for unit in movements():
        some = [r for r in rows if r["text"] == f"{unit}={LEVEL}"]
        if not some:
            continue
        shown = [r for r in some if r["found"]]
        given = rises(some, unit)
        pairs = [p for r in shown if (p := scores(r, unit)) is not None]
        shapes = [r["found"] and shape_of(r["after"], unit) > shape_of(r["before"], unit) for r in some]
        kept = [r["found"] and (r["cosine"] or 0) > SAME for r in some]
        lines.append((
            unit, len(some), proportion(given) if given else "not given",
            mean([b - a for a, b in pairs]) if pairs else "-",
            SHAPES[unit], proportion(shapes), proportion(kept), mean([r["cosine"] for r in shown if r["cosine"]]),
        ))  # fmt: skip
    head = ("unit", "portraits", "au_score rises", "mean rise", "blendshape", "it rises", f"cosine > {SAME}", "cosine")
    return table(head, lines)


def emotions(rows: Sequence[Values]) -> str:
    """What the emotion head sees in the emotions; `neutral` counts where faces did not look neutral before."""
    lines = []
    for name in (*presets(), NEUTRAL):
        some = [r for r in rows if r["text"] == name and r["found"]]
        if not some:
            continue
        if name == NEUTRAL:
            some = [r for r in some if r["before"][labels.PERCEIVED_EMOTION.name] != name]
        chances = [[r[w][labels.EMOTION_PROB.name][name] for w in ("before", "after")] for r in some]
        lines.append((
            name, len(some), proportion([r["before"][labels.PERCEIVED_EMOTION.name] == name for r in some]),
            proportion([r["after"][labels.PERCEIVED_EMOTION.name] == name for r in some]),
            proportion([b > a for a, b in chances]), proportion([(r["cosine"] or 0) > SAME for r in some]),
        ))  # fmt: skip
    return table(("asked", "portraits", "seen before", "seen after", "probability rises", f"cosine > {SAME}"), lines)


def calmed(rows: Sequence[Values]) -> str:
    """Norm of the blendshapes after `neutral` over before, of faces that did not look neutral."""
    some = [r for r in rows if r["text"] == NEUTRAL and r["found"]]
    some = [r for r in some if r["before"][labels.PERCEIVED_EMOTION.name] != "neutral"]
    share = np.array([_norm(r["after"]) / max(_norm(r["before"]), 1e-6) for r in some])
    return table(
        ("portraits", "norm of mouth and brow blendshapes, after / before", "at most half", "cosine"),
        [(len(some), mean(share), proportion(share <= 0.5), mean([r["cosine"] for r in some if r["cosine"]]))],
    )


def _norm(values: Values) -> float:
    shapes = values[labels.BLENDSHAPES.name]
    return float(np.linalg.norm([v for n, v in shapes.items() if n.startswith(("mouth", "jaw", "brow", "nose"))]))


def main() -> None:
    """Edit, read and print."""
    parser = arguments(__doc__)
    parser.add_argument("--per-group", type=int, default=PER_GROUP, help="faces of each perceived race, for the smile")
    parser.add_argument("--only", help="this edit alone, such as AU12=3 or neutral")
    parser.add_argument("--look", type=Path, help="folder for the first ten pictures of each edit")
    options = parser.parse_args()
    if options.look:
        options.look.mkdir(parents=True, exist_ok=True)
    look = Reader(ModelStore(), *READ)
    seen: Counter[str] = Counter()
    rows, refused = [], 0
    for number, (race, subject, before) in enumerate(sources(options.data, look, options.per_group)):
        seen[race] += 1
        texts = [SMILE]
        if seen[race] <= UNITS_PER_GROUP:
            texts += [f"{unit}={LEVEL}" for unit in movements() if f"{unit}={LEVEL}" != SMILE]
            texts += [*presets(), NEUTRAL]
        texts = [t for t in texts if options.only in (None, t)]
        for text in texts:
            row = compared(look, race, subject, before, text, options.look, number)
            refused += row is None and text == SMILE
            rows += [] if row is None else [row]
    print(f"{sum(seen.values())} portraits, {refused} refused (turned too far)")
    done = {r["text"] for r in rows}
    if SMILE in done:
        print(f"\nAU12 raised by {LEVEL}\n\n" + smile([r for r in rows if r["text"] == SMILE]))
    if done & {f"{unit}={LEVEL}" for unit in movements()}:
        print(f"\nEvery unit raised by {LEVEL}\n\n" + units(rows))
    if done & {*presets(), NEUTRAL}:
        print("\nEmotions\n\n" + emotions(rows))
    if NEUTRAL in done:
        print("\nTaking an expression back\n\n" + calmed(rows))


if __name__ == "__main__":
    main()
