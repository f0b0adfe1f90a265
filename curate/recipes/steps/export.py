"""A step that writes the dataset in a training format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from annotators.base import Config
from curate.export.options import ExportOptions
from curate.export.run import MANIFEST, export, made
from curate.recipes.step import Done, Site, Step, option, own_drops, settings
from schemas import DatasetError


@dataclass(frozen=True)
class ExportStepOptions(Config):
    """What is written, and how.

    Attributes:
        format: Name of the format.
        columns: Label columns; empty is all but embeddings and masks.
        where: SQL condition, besides the selection.
        crop: How faces are cut.
        size: Side of the crops in pixels; 0 is the crop's usual one.
        pictures: `copy`, `jpeg`, `png` or `webp`.
        synthetic: `with`, `without` or `only` generated pictures.
        splits: Only these parts.
        minors: Also pictures that may show minors.
        set: Settings of the format.
    """

    format: str
    columns: tuple[str, ...] = ()
    where: str = ""
    crop: str = "none"
    size: int = 0
    pictures: str = "copy"
    synthetic: str = "with"
    splits: tuple[str, ...] = ()
    minors: bool = True
    set: dict[str, Any] = field(default_factory=dict)


class ExportStep(Step):
    """Writes the chosen faces in a training format and reads them back."""

    name = "export"
    doc = "Writes the chosen faces in a training format, reads them back and compares."
    options_type = ExportStepOptions
    options: ExportStepOptions

    def check(self, site: Site) -> None:
        """The format and its settings are understood, and its library is there."""
        made(self.options.format, self._options(site))

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`export`."""
        o = self.options
        told = ["export", str(site.dataset), o.format, str(site.folder), *option("--columns", o.columns)]
        told += [*option("--where", site.condition(o.where)), *option("--splits", o.splits)]
        told += option("--crop", o.crop if o.crop != "none" else "") + option("--size", o.size or None)
        told += option("--pictures", o.pictures if o.pictures != "copy" else "")
        told += option("--synthetic", o.synthetic if o.synthetic != "with" else "")
        return [[*told, *option("--no-minors", not o.minors), *settings(o.set)]]

    def run(self, site: Site) -> Done:
        """Writes, or goes on.

        Raises:
            DatasetError: if the export does not come back as it was given.
        """
        found = export(site.open(), self.options.format, site.folder, self._options(site))
        if found.comparison is not None and not found.comparison.equal:
            example = next(iter(found.comparison.examples), "")
            raise DatasetError(f"{site.folder} does not come back as it was given", example)
        told = found.manifest
        dropped = own_drops(told["left_out"], site, self.options.where) | {
            f"picture lost: {x.reason}": 1 for x in found.lost
        }
        facts = {
            "samples": told["samples"],
            "not held by the format": told["drops"],
            "commercial use": told["commercial"],
        }
        return Done(sum(told["samples"].values()), "samples", dropped, facts, (site.folder / MANIFEST,))

    def _options(self, site: Site) -> ExportOptions:
        o = self.options
        return ExportOptions(
            columns=o.columns or None, where=site.condition(o.where) or None, splits=o.splits, crop=o.crop, size=o.size,
            form=o.pictures, synthetic=o.synthetic, minors=o.minors, quiet=site.quiet,
            format_settings={k: _text(v) for k, v in o.set.items()},
        )  # fmt: skip


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
