"""A step that starts from a published dataset on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate.importers import ImportOptions, import_dataset, importer
from curate.recipes.step import DATASET, PHOTOS, Done, Site, Step, option
from curate.recipes.steps.label import listed_files
from schemas import UsageError


@dataclass(frozen=True)
class ImportStepOptions(Config):
    """What is imported.

    Attributes:
        format: Name of the published dataset's form; see `facecurate import --list`.
        licence: Of the pictures; empty is the dataset's own.
        labels_only: Take in no pictures: label the faces of the dataset that is there.
    """

    format: str
    licence: str = ""
    labels_only: bool = False


class Import(Step):
    """Takes a published dataset in, with its labels as a layer."""

    name = "import"
    doc = "Takes a published dataset in, with its labels as a layer."
    options_type = ImportStepOptions
    stays = DATASET
    options: ImportStepOptions

    def reads(self, site: Site) -> Any:
        """The files of the folder."""
        return None if site.photos == (PHOTOS,) else listed_files(Path(site.photos[0]))

    def check(self, site: Site) -> None:
        """The form is known and one folder is given."""
        importer(self.options.format)
        if len(site.photos) != 1 or not Path(site.photos[0]).is_dir():
            raise UsageError(f"step {site.step} imports one folder", f"given is {', '.join(site.photos)}")

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`import`."""
        told = [*option("--licence", self.options.licence), *option("--labels-only", self.options.labels_only)]
        return [["import", self.options.format, site.photos[0], str(site.dataset), *told]]

    def run(self, site: Site) -> Done:
        """Imports."""
        o = self.options
        options = ImportOptions(
            licence=o.licence or None, labels_only=o.labels_only, workers=site.workers, quiet=site.quiet,
            command=site.command,
        )  # fmt: skip
        found = import_dataset(o.format, site.photos[0], site.dataset, options)
        facts = {"records": found.records, **found.outcomes, **{f"with {k}": n for k, n in found.columns.items()}}
        return Done(found.dataset.counts().faces, "faces", dict(found.left_out), facts)
