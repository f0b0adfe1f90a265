"""A step that writes questions and answers about faces, with landmarks, as Face-LLaVA is tuned on."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.formats.llava import conversation
from curate.export.options import ExportOptions
from curate.export.sample import Sample
from curate.export.splits import named
from curate.recipes.instructions import BEST, TOPICS, Exchange, agrees, exchange, read_columns, topic
from curate.recipes.samples import choose, samples
from curate.recipes.step import Done, Site, Step, own_drops
from curate.store.parts import replacing
from schemas import SchemaError, UsageError
from schemas.columns import images, labels


@dataclass(frozen=True)
class InstructionOptions(Config):
    """What is asked, and how sure an answer must be.

    Attributes:
        tasks: Of `expression`, `action_units`, `attributes`, `age`, `deepfake`.
        least: Least rating of an entry, 0-10: ten times the probability of its label.
        crop: How faces are cut.
        size: Side of the crops in pixels.
        seed: Same seed and face, same words.
    """

    tasks: tuple[str, ...] = tuple(TOPICS)
    least: float = 6.0
    crop: str = "margin"
    size: int = 256
    seed: int = 0


class Instructions(Step):
    """One JSON list per split: `id`, `image`, `conversations`, `landmarks_2d`, `task`, `rating`, one entry per task.

    `landmarks_2d` is a NumPy file of (68, 2) points in pixels of the picture. A face without landmarks has no entry; an
    entry below the least rating goes. Every answer is read back from its words and must say what the label says.
    """

    name = "instructions"
    doc = "Writes a question and answer per face and task with 68 landmarks; entries of too low a rating go."
    options_type = InstructionOptions
    options: InstructionOptions

    def check(self, site: Site) -> None:
        """The tasks are known and the crop is one."""
        for name in self.options.tasks:
            topic(name)
        if not 0 <= self.options.least <= BEST:
            raise UsageError(f"step {site.step}: least = {self.options.least:g}", f"ratings go from 0 to {BEST:g}")
        self._export(site)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """The step itself."""
        return [site.alone()]

    def run(self, site: Site) -> Done:
        """Writes pictures, landmarks and lists."""
        topics = [topic(n) for n in self.options.tasks]
        chosen = choose(site, self._export(site))
        gone: Counter[str] = Counter()
        lists: dict[str, list[dict[str, Any]]] = {}
        counts: Counter[str] = Counter()
        for sample in samples(site, chosen, [*read_columns(topics), labels.POINTS_68], "writing instructions"):
            values = dict(sample.faces[0].labels)
            values[images.IS_SYNTHETIC.name] = bool(sample.facts.get(images.IS_SYNTHETIC.name))
            found = self._found(sample, values, gone)
            if not found:
                continue
            image, points = _files(site, sample)
            lists.setdefault(named(sample.split), []).extend(_entry(sample, x, image, points) for x in found)
            counts.update(x.topic for x in found)
        if not lists:
            raise UsageError(f"step {site.step} wrote nothing", "; ".join(f"{n:,} {k}" for k, n in gone.items()))
        files = []
        for split, entries in lists.items():
            files.append(site.folder / f"{split}.json")
            with replacing(files[-1]) as file:
                file.write(json.dumps(entries, ensure_ascii=False, indent=1).encode())
        dropped = {
            **{f"face left out: {k}": n for k, n in own_drops(chosen.left_out, site, "").items()},
            **dict(gone.most_common()),
        }
        facts = {f"entries of {t}": n for t, n in counts.items()}
        return Done(sum(counts.values()), "entries", dropped, facts, tuple(files))

    def _found(self, sample: Sample, values: dict[str, Any], gone: Counter[str]) -> list[Exchange]:
        if values.get(labels.POINTS_68.name) is None:
            gone["face without landmarks"] += 1
            return []
        found = []
        for name in self.options.tasks:
            one = exchange(values, topic(name), f"{self.options.seed}:{sample.key}")
            if one is None:
                gone[f"{name}: no label"] += 1
            elif one.rating < self.options.least:
                gone[f"{name}: rating below {self.options.least:g}"] += 1
            elif not agrees(one, values):
                raise SchemaError(f"'{one.answer}'", f"it does not say the label of {one.column.name}")
            else:
                found.append(one)
        return found

    def _export(self, site: Site) -> ExportOptions:
        return ExportOptions(
            where=site.condition("") or None, crop=self.options.crop, size=self.options.size, form="jpeg",
            quiet=site.quiet,
        )  # fmt: skip


def _files(site: Site, sample: Sample) -> tuple[str, str]:
    """Picture and landmarks; their paths below the step's folder."""
    place = f"{named(sample.split)}/{sample.key[:2]}/{sample.key}"
    image, points = f"images/{place}{sample.suffix}", f"landmarks/{place}.npy"
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(sample.faces[0].labels[labels.POINTS_68.name], np.float32).reshape(68, -1)[:, :2])
    for name, data in ((image, sample.data), (points, buffer.getvalue())):
        with replacing(site.folder / name) as file:
            file.write(data)
    return image, points


def _entry(sample: Sample, one: Exchange, image: str, points: str) -> dict[str, Any]:
    return {
        "id": f"{sample.key}-{one.topic}",
        "image": image,
        "conversations": conversation([(one.question, one.answer)]),
        "landmarks_2d": points,
        "task": one.topic,
        "rating": one.rating,
    }
