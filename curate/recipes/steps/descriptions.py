"""A step that has the descriptions of FEA-20K's lines written until units and answer agree, or drops the line."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.export.run import MANIFEST
from curate.identity.progress import follow
from curate.recipes.step import Done, Site, Step
from curate.store.parts import read_json, replacing
from curate.text_quality.regenerate import TRIES, Regenerated, Wanted, Writer, regenerate
from curate.text_quality.reward import PERFECT
from curate.text_quality.writers import CommandWriter, TemplateWriter
from schemas import UsageError

LINES, REJECTED, REWARDS = "*.jsonl", "rejected.jsonl", "rewards.csv"
KEYS = ("id", "dataset", "image", "question", "AUs", "labels", "description", "meta_info")
"""Of a line of FEA-20K, in its order."""


@dataclass(frozen=True)
class DescriptionOptions(Config):
    """Who writes, and how often.

    Attributes:
        lines: Name of the step that exported FEA-20K's lines.
        command: Program that is given a JSON request and prints a text; empty takes the embedded sentences.
        tries: Texts at most for one face.
        seed: Same seed and face, same words of the embedded sentences.
    """

    lines: str
    command: str = ""
    tries: int = TRIES
    seed: int = 0


class Descriptions(Step):
    """Descriptions that cite exactly the active units and answer with the label.

    Paths of pictures are below the recipe's folder. `meta_info` has Facial-R1's reward and the number of tries beside
    the labels; lines without an accepted text go to `rejected.jsonl` with the reasons against every try.
    """

    name = "descriptions"
    doc = "Has descriptions written until cited units and answer agree with the labels; drops a line where none does."
    options_type = DescriptionOptions
    options: DescriptionOptions

    def check(self, site: Site) -> None:
        """The program is there, and at least one text may be written."""
        if self.options.tries < 1:
            raise UsageError(f"step {site.step}: tries = {self.options.tries}", "at least one text must be written")
        self._writer()

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """The step itself."""
        return [site.alone()]

    def run(self, site: Site) -> Done:
        """Writes all lists anew, each whole or not at all."""
        source, writer = site.out / self.options.lines, self._writer()
        total = sum(read_json(source / MANIFEST)["samples"].values())
        rejected: list[dict[str, Any]] = []
        rewards: list[tuple[Any, ...]] = []
        reasons: Counter[str] = Counter()
        files = []
        every = follow(_lines(source), total, "writing descriptions", site.quiet)
        lists: dict[str, list[dict[str, Any]]] = {}
        for split, line in every:
            found = self._written(line, writer)
            accepted = found.text is not None
            parts = found.reward
            rewards.append((line["id"], parts.units, parts.answer, parts.form, parts.total, len(found.tries), accepted))
            if accepted:
                lists.setdefault(split, []).append(_accepted(site, self.options.lines, line, found))
            else:
                reasons[f"no text in {len(found.tries)} tries, the last: {'; '.join(found.tries[-1].reasons)}"] += 1
                rejected.append({"id": line["id"], "AUs": line["AUs"], "labels": line["labels"],
                                 "rejections": found.rejections})  # fmt: skip
        files = [_write(site.folder / f"{split}.jsonl", lines) for split, lines in lists.items()]
        files += [_write(site.folder / "rejected" / REJECTED, rejected), _table(site.folder / REWARDS, rewards)]
        if not lists:
            raise UsageError(f"step {site.step}: no description was accepted", next(iter(reasons), "there is no line"))
        perfect = sum(r[4] == PERFECT and r[6] for r in rewards)
        facts = {"writer": writer.name, "lines with the full reward of 3": perfect, **_tries(rewards)}
        return Done(sum(map(len, lists.values())), "lines", dict(reasons.most_common()), facts, tuple(files))

    def _writer(self) -> Writer:
        return CommandWriter(self.options.command) if self.options.command else TemplateWriter(self.options.seed)

    def _written(self, line: dict[str, Any], writer: Writer) -> Regenerated:
        wanted = Wanted(line["id"], tuple(line["AUs"]), line["labels"][0].lower())
        return regenerate(wanted, writer, self.options.tries)


def _lines(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Split and line; those below `rest` have neither units nor emotion and are left out by the export."""
    for path in sorted(folder.glob(LINES)):
        for text in path.read_text("utf-8").split("\n")[:-1]:
            yield path.stem, json.loads(text)


def _accepted(site: Site, step: str, line: dict[str, Any], found: Regenerated) -> dict[str, Any]:
    meta = {**line["meta_info"], "reward": found.reward.total, "tries": len(found.tries), "writer": found.writer}
    told = {**line, "image": f"{step}/{line['image']}", "description": found.text, "meta_info": meta}
    return {key: told[key] for key in KEYS}


def _write(path: Path, lines: Sequence[dict[str, Any]]) -> Path:
    with replacing(path) as file:
        for line in lines:
            file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
    return path


def _table(path: Path, rows: Sequence[tuple[Any, ...]]) -> Path:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "reward_units", "reward_answer", "reward_form", "reward", "tries", "accepted"])
    writer.writerows(rows)
    with replacing(path) as file:
        file.write(buffer.getvalue().encode())
    return path


def _tries(rewards: Sequence[tuple[Any, ...]]) -> dict[str, float]:
    return {
        "mean reward of the best try": sum(r[4] for r in rewards) / max(len(rewards), 1),
        "texts written": sum(r[5] for r in rewards),
    }
