"""Share of promises that generators keep on adults of FairFace's validation split, as independent annotators see it.

python -m benchmarks.generators                        all generators that need nothing but the product
python -m benchmarks.generators relighting --faces 50
python -m benchmarks.generators au_editor --set au_editor.au=AU12=3
python -m benchmarks.generators --figures curate/generators/figures.toml

The faces are drawn evenly over the crowd workers' seven race groups among those they saw as 20 or older; no generator
was tuned on them. Every picture and the unchanged portrait are labelled by the same verifiers, those that a generator
looked at left out. A promise counts where a verifier could judge it. `nearest` faces are those of this sample.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from annotators.weights import ModelStore
from benchmarks.labelling import arguments, decode, fairface, label, made
from benchmarks.statistics import proportion, table
from benchmarks.toml_text import toml_value
from curate.engine.settings import parse_settings
from curate.generate.choice import Chosen, choose
from curate.generate.crowd import Crowd
from curate.generate.judging import Origin, Verdict, judge
from curate.generate.looking import Looker, Seen, usual_verifiers
from curate.generate.partners import Partners
from curate.generators.base import CannotGenerate, Generator, Request
from curate.generators.registry import generator, generator_names
from curate.generators.subject import Subject, portrait
from schemas.columns import faces, labels

YOUNG = ("0-2", "3-9", "10-19")
READ = ("mesh", "identity", "head_pose", "demographics", "skin_tone", "blendshapes", "emotion", "action_units",
        "quality", "covers", "face_state")  # fmt: skip
"""What subjects know of themselves; the annotators that generators may require."""
MOST = 8
"""Pictures of one request that are judged: a clip has many."""
SAME = 0.6
"""Cosine of the project's bar for edits that keep the person."""


@dataclass
class Result:
    """What one generator did.

    Attributes:
        kept: For each picture whether all that could be judged was held; None where nothing could.
        promises: Promise -> whether it was held.
        groups: Perceived race -> `kept` of its pictures.
        cosines: Cosines with the subject.
        refused: Reason -> faces.
        seconds: Time of draw and make per picture.
        asked: Faces asked for.
    """

    kept: list[bool | None] = field(default_factory=list)
    promises: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    cosines: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    asked: int = 0

    def add(self, verdict: Verdict, race: str) -> None:
        """Count a picture."""
        self.kept.append(verdict.kept)
        for name in verdict.held:
            self.promises[name].append(True)
        for name in verdict.broken:
            self.promises[name.partition(":")[0]].append(False)
        if verdict.kept is not None:
            self.groups[race].append(verdict.kept)
        if verdict.own is not None:
            self.cosines.append(verdict.own)

    @property
    def judged(self) -> list[bool]:
        """`kept` of the pictures that could be judged."""
        return [k for k in self.kept if k is not None]


def sample(data: Path, count: int, models: ModelStore) -> list[dict[str, Any]]:
    """Rows of single adults with a mesh, evenly over the perceived race groups, with their pictures.

    Args:
        data: The shared collection.
        count: Faces.
        models: The model store.
    """
    adults: dict[str, list[tuple[bytes, dict[str, Any]]]] = defaultdict(list)
    for content, row in fairface(data, "validation"):
        if row["age"] not in YOUNG:
            adults[row["race"]].append((content, row))
    draw = np.random.default_rng(0)
    for members in adults.values():
        draw.shuffle(members)  # type: ignore[arg-type]
    turns = [members[i] for i in range(count) for _, members in sorted(adults.items()) if i < len(members)]
    found: list[dict[str, Any]] = []
    for start in range(0, len(turns), count):
        part = turns[start : start + count]
        rows = label(part, made(*_ordered()), models)
        for (content, _), row in zip(part, rows, strict=True):
            if row.get(labels.MESH.name) is not None:
                name = str(len(found))
                row |= {faces.FACE_ID.name: f"{name}.0", faces.IMAGE_ID.name: name, "pixels": decode(content)}
                found.append(row)
        if len(found) >= count:
            break
    return found[:count]


def _ordered() -> list[str]:
    from curate.engine.plan import ordered

    return [cls.name for cls in ordered(READ)]


def partners_of(rows: Sequence[Mapping[str, Any]]) -> Partners:
    """The sample as second faces for one another."""
    pose = (labels.YAW, labels.PITCH, labels.ROLL)
    return Partners(
        tuple(r[faces.FACE_ID.name] for r in rows),
        np.array([r[labels.EMBEDDING.name] for r in rows], np.float32),
        np.array([[np.nan if r[c.name] is None else r[c.name] for c in pose] for r in rows]),
        ((None,) * len(rows),) * 3,
    )


def crowd_of(rows: Sequence[Mapping[str, Any]]) -> Crowd:
    """The sample as the people a new face must not look like."""
    ids = tuple(r[faces.FACE_ID.name] for r in rows)
    return Crowd(ids, np.array([r[labels.EMBEDDING.name] for r in rows], np.float32), {})


def measure(
    chosen: Chosen, rows: Sequence[dict[str, Any]], looker: Looker, portraits: Sequence[Seen | None], models: ModelStore
) -> Result:
    """Run a generator over the sample and judge its pictures.

    Args:
        chosen: The generator.
        rows: The sample.
        looker: The verifiers.
        portraits: What they say of the unchanged portraits.
        models: The model store.
    """
    worker = chosen.cls(chosen.config)
    worker.setup(models)
    people, others = crowd_of(rows), partners_of(rows)
    seen_of = {r[faces.FACE_ID.name]: s for r, s in zip(rows, portraits, strict=True)}
    subjects = {r[faces.FACE_ID.name]: portrait(r["pixels"], r) for r in rows}
    result = Result(asked=len(rows))
    for number, row in enumerate(rows):
        rng = np.random.default_rng(number)
        subject = subjects[row[faces.FACE_ID.name]]
        partner = _partner(worker, row, others, subjects, rng)
        if worker.takes_partner and partner is None:
            result.refused["no other person in a like pose"] += 1
            continue
        try:
            begun = time.perf_counter()
            request = Request(subject, partner)
            pictures = list(worker.make(request, worker.draw(request, rng)))
            result.seconds += [(time.perf_counter() - begun) / len(pictures)] * len(pictures)
        except CannotGenerate as answer:
            result.refused[str(answer)] += 1
            continue
        pictures = pictures[:: -(-len(pictures) // MOST)]
        second = "" if partner is None else partner.face_id
        origin = Origin(subject.face_id, seen_of[subject.face_id], second, seen_of.get(second))
        for picture, seen in zip(pictures, looker.look([p.pixels for p in pictures]), strict=True):
            verdict = judge(picture.promise, seen, origin, people, worker.conditioners)
            result.add(verdict, str(row["race"]))
    return result


def _partner(
    worker: Generator, row: dict[str, Any], others: Partners, subjects: Mapping[str, Subject], rng: np.random.Generator
) -> Subject | None:
    if not worker.takes_partner:
        return None
    found = others.choose(row, rng)
    return None if found is None else subjects[found]


def report(name: str, result: Result) -> None:
    """Print what was found about one generator."""
    print(f"\n## {name}\n")
    share = proportion(result.judged)
    said = f"{share:.2f}" if share.n else "nothing could be judged"
    print(f"All promises kept: {said} of {share.n} pictures; {sum(result.refused.values())} of {result.asked} refused.")
    if result.cosines:
        low, middle, high = np.quantile(result.cosines, (0.1, 0.5, 0.9))
        above = proportion([c > SAME for c in result.cosines])
        print(
            f"Cosine with the subject: median {middle:.2f}, 10-90 % {low:.2f} to {high:.2f}; over {SAME}: {above:.2f}"
        )
    if result.seconds:
        print(f"{1000 * np.median(result.seconds):.0f} ms per picture (median, one thread)")
    for reason, count in result.refused.most_common():
        print(f"refused {count}: {reason}")
    rows = [(n, len(held), proportion(held)) for n, held in result.promises.items()]
    print("\n" + table(("promise", "n", "kept"), rows))
    groups = [(n, len(held), proportion(held)) for n, held in sorted(result.groups.items())]
    print("\n" + table(("perceived race", "n", "all kept"), groups), flush=True)


def figures_text(known: Mapping[str, Any], fresh: Mapping[str, Result], count: int) -> str:
    """The figures file with fresh figures in place of older ones."""
    merged: dict[str, dict[str, Any]] = {k: dict(v) for k, v in known.items()}
    for name, result in fresh.items():
        share = proportion(result.judged)
        entry: dict[str, Any] = {
            "version": generator(name).version,
            "faces": result.asked,
            "refused": sum(result.refused.values()),
            "n": share.n,
        }
        if share.n:
            entry |= {"kept": round(share.value, 3), "low": round(share.low, 3), "high": round(share.high, 3)}
        groups = {k: float(np.mean(v)) for k, v in result.groups.items() if v}
        if groups:
            worst = min(groups, key=lambda k: groups[k])
            entry |= {"worst": worst, "worst_kept": round(groups[worst], 2), "worst_n": len(result.groups[worst])}
        ranked = sorted(result.promises, key=lambda k: -len(result.promises[k]))
        entry["promises"] = {k: [round(float(np.mean(result.promises[k])), 2), len(result.promises[k])] for k in ranked}
        if result.cosines:
            entry["cosine"] = round(float(np.median(result.cosines)), 2)
        if result.seconds:
            entry["ms"] = round(1000 * float(np.median(result.seconds)))
        entry["command"] = f"python -m benchmarks.generators {name} --faces {count}"
        merged[name] = entry
    for entry in merged.values():
        entry["promises"] = {f'"{k}"': v for k, v in entry["promises"].items()}
    parts = [
        f"[{name}]\n" + "".join(f"{k} = {toml_value(v)}\n" for k, v in entry.items())
        for name, entry in sorted(merged.items())
    ]
    head = "# Measured by benchmarks/generators.py on adult faces of FairFace's validation split.\n"
    return head + "\n" + "\n".join(parts)


def names_of(given: Sequence[str]) -> list[str]:
    """The generators to measure: those named, or all that change faces and need nothing else."""
    return list(given) or [n for n in generator_names() if generator(n).takes_subject and generator(n).embedded]


def main() -> None:
    """Print the figures and, if asked, write them."""
    parser = arguments(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--faces", type=int, default=50)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME.OPTION=VALUE")
    parser.add_argument("--figures", type=Path, help="TOML file to write the figures to")
    options = parser.parse_args()
    models = ModelStore()
    names = names_of(options.names)
    chosen = choose(names, parse_settings(options.settings))
    rows = sample(options.data, options.faces, models)
    looker = Looker(usual_verifiers())
    portraits = looker.look([portrait(r["pixels"], r).pixels for r in rows])
    print(f"{len(rows)} faces: " + ", ".join(f"{k} {n}" for k, n in Counter(r["race"] for r in rows).most_common()))
    fresh = {}
    for one in chosen:
        fresh[one.cls.name] = measure(one, rows, looker, portraits, models)
        report(one.label, fresh[one.cls.name])
        if options.figures:
            known = tomllib.loads(options.figures.read_text("utf-8")) if options.figures.is_file() else {}
            options.figures.write_text(figures_text(known, fresh, options.faces), "utf-8")


if __name__ == "__main__":
    main()
