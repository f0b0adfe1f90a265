"""The chosen faces of a recipe's dataset with their pictures, cut or whole, for steps that write files of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from curate.export.base import FACES
from curate.export.gather import Gatherer
from curate.export.index import Entry, index
from curate.export.options import ExportOptions
from curate.export.sample import Sample
from curate.identity.progress import follow
from curate.recipes.step import Site
from schemas import Column

PART = 256


@dataclass
class Chosen:
    """Faces that a step works on.

    Attributes:
        options: How they are cut.
        entries: Where they stand.
        left_out: Reason -> faces; filled on while samples are read.
    """

    options: ExportOptions
    entries: list[Entry]
    left_out: dict[str, int] = field(default_factory=dict)


def choose(site: Site, options: ExportOptions) -> Chosen:
    """The faces of the selection.

    Args:
        site: Where the step works.
        options: How they are cut, and a further condition.

    Raises:
        UsageError: if none is left.
    """
    found = index(site.open(), options, FACES)
    return Chosen(options, found.entries, dict(found.left_out))


def samples(site: Site, chosen: Chosen, columns: Sequence[Column], what: str) -> Iterator[Sample]:
    """Face by face with its picture and labels, points in the picture's pixels; what cannot be read is counted.

    Args:
        site: Where the step works.
        chosen: The faces.
        columns: Labels to read; those that the dataset lacks are left out.
        what: For the progress bar.
    """
    ds = site.open()
    known = set(ds.columns())
    parts = [chosen.entries[i : i + PART] for i in range(0, len(chosen.entries), PART)]
    with Gatherer(ds, chosen.options, [c for c in columns if c.name in known]) as gatherer:
        made = (sample for part in parts for sample in gatherer.samples(part))
        yield from follow(made, len(chosen.entries), what, site.quiet)
        for lost in gatherer.lost:
            chosen.left_out[f"picture lost: {lost.reason}"] = chosen.left_out.get(f"picture lost: {lost.reason}", 0) + 1
