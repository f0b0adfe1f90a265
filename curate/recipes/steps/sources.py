"""A step that counts, source by source, what became of the pictures that were merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.ingest import list_sources
from curate.recipes.layer_steps import OwnStep, gathered, write_csv
from curate.recipes.step import Done, Site
from schemas import ImageStatus
from schemas.columns import images

COUNTS = "sources.csv"
HEAD = ("source", "listed", "usable", "copies", "unusable", "faces", "kept")
ELSEWHERE = "elsewhere"


class Sources(OwnStep):
    """Pictures listed, usable, byte-for-byte copies and unusable ones, and faces found and kept, of each source."""

    name = "source_counts"
    doc = "Counts for each source of a merge: pictures listed, usable, copies, faces found and faces kept."

    def run(self, site: Site) -> Done:
        """Counts and writes the table."""
        table = site.open().images(columns=[images.URI.name, images.IMAGE_ID.name, images.STATUS.name])
        counts: dict[str, Counter[str]] = {p: Counter() for p in map(str, site.photos)}
        named = sources_of(site.photos)
        of: dict[str, str] = {}
        for row in table.to_pylist():
            source = named.get(str(row[images.URI.name]), ELSEWHERE)
            told = counts.setdefault(source, Counter())
            told["listed"] += 1
            told[_outcome(row[images.STATUS.name])] += 1
            if row[images.STATUS.name] == ImageStatus.OK.value:
                of[row[images.IMAGE_ID.name]] = source
        found, chosen = gathered(site)
        pictures = found.pictures.to_pylist()
        for image, kept in zip(found.image.tolist(), chosen.tolist(), strict=True):
            told = counts[of.get(pictures[image], ELSEWHERE)]
            told["faces"] += 1
            told["kept"] += kept
        rows: list[dict[str, Any]] = [{"source": s, **{k: c[k] for k in HEAD[1:]}} for s, c in counts.items()]
        file = write_csv(site.folder / COUNTS, rows, HEAD)
        facts = {Path(r["source"]).name: f"{r['kept']:,} of {r['faces']:,} faces, {r['copies']:,} copies" for r in rows}
        return Done(sum(r["kept"] for r in rows), "faces", {}, facts, (file,))


def sources_of(photos: Sequence[str]) -> dict[str, str]:
    """Address of every picture -> which of the given folders, lists or containers names it; the first that does."""
    found: dict[str, str] = {}
    for source in photos:
        for uri in list_sources([source]).column(images.URI.name).to_pylist():
            found.setdefault(str(uri), source)
    return found


def _outcome(status: str) -> str:
    known = {ImageStatus.OK.value: "usable", ImageStatus.DUPLICATE.value: "copies"}
    return known.get(status, "unusable")
