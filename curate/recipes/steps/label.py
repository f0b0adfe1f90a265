"""Steps that take photos in and label their faces."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotators.base import Config
from curate import api
from curate.engine.plan import choose
from curate.engine.settings import parse_settings
from curate.ingest import ListOptions, list_sources
from curate.recipes.start import copy_dataset, given_dataset
from curate.recipes.step import DATASET, Done, Site, Step, option, settings
from curate.store import Dataset, RunRecord
from schemas import ImageStatus, UsageError

MOST_ERRORS = 5


@dataclass(frozen=True)
class LabelOptions(Config):
    """How faces are labelled.

    Attributes:
        annotators: Names; empty is the default set.
        set: `annotator.option` -> value.
        detector: The detector that finds the faces.
    """

    annotators: tuple[str, ...] = ()
    set: dict[str, Any] = field(default_factory=dict)
    detector: str = "yunet"


@dataclass(frozen=True)
class TakeInOptions(LabelOptions):
    """How photos are taken in and labelled.

    Attributes:
        licence: Of the photos, where a list does not say it.
        consent: Statement of consent, where a list does not say it.
    """

    licence: str = ""
    consent: str = ""


class Label(Step):
    """Labels the faces of the dataset."""

    name = "annotate"
    doc = "Labels the faces that are there."
    options_type = LabelOptions
    options: LabelOptions

    def check(self, site: Site) -> None:
        """Annotators, their settings and their models are there."""
        options = self._options(site)
        choose(options.annotators, options.settings, options.detector).require_models()

    def leaves(self, site: Site) -> Sequence[str]:
        """Nothing: labels of other settings are layers of their own, and stay."""
        return ()

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`annotate`."""
        return [["annotate", str(site.dataset), *self._arguments()]]

    def run(self, site: Site) -> Done:
        """Labels what is missing."""
        return self._done(api.annotate(site.open(), self._options(site)), site)

    def _done(self, ds: Dataset, site: Site) -> Done:
        """The outcome, if the labels that speak are those with these settings.

        Raises:
            UsageError: if newer labels of other settings, from an earlier call, would be taken for them.
        """
        options = self._options(site)
        layers = ds.layers()
        for wanted in api.plan(ds, options, options.annotators).job.steps:
            newest = next(
                (i.name for i in layers if i.annotator == wanted.annotator and i.kind == "model"), wanted.layer
            )
            if newest != wanted.layer:
                why = f"labels/{newest} of other settings is newer and speaks for it"
                raise UsageError(
                    f"{ds.path}: labels/{wanted.layer} is not heard", why, "Delete it, or name a new folder"
                )
        return done(ds)

    def _arguments(self) -> list[str]:
        told = [*option("-a", self.options.annotators), *settings(self.options.set)]
        return [*told, *(option("--detector", self.options.detector) if self.options.detector != "yunet" else [])]

    def _options(self, site: Site) -> api.Options:
        given = parse_settings([f"{k}={v}" for k, v in self.options.set.items()])
        names = self.options.annotators or None
        return api.Options(
            names, given, self.options.detector, site.workers, quiet=site.quiet, command=site.command,
            listing=self._listing(),
        )  # fmt: skip

    def _listing(self) -> ListOptions:
        return ListOptions()


class TakeIn(Label):
    """Takes photos in, finds the faces and labels them; a dataset in place of photos is copied and labelled on."""

    name = "run"
    doc = "Takes the photos in, finds the faces and labels them."
    options_type = TakeInOptions
    options: TakeInOptions

    def reads(self, site: Site) -> Any:
        """The photos: name, size and time of change of each; or the files of the dataset."""
        source = given_dataset(site.photos)
        return listed(site, self._listing()) if source is None else listed_files(source)

    def leaves(self, site: Site) -> Sequence[str]:
        """The copy of a dataset; labels of photos stay, as layers of their own."""
        return () if given_dataset(site.photos) is None else (DATASET,)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`run`, or `annotate` on a copy."""
        if given_dataset(site.photos) is not None:
            return [copying(site), *super().commands(site)]
        told = [*option("--licence", self.options.licence), *option("--consent", self.options.consent)]
        return [["run", *site.photos, str(site.dataset), *self._arguments(), *told]]

    def run(self, site: Site) -> Done:
        """Takes in what is new and labels what is missing."""
        options = self._options(site)
        if (source := given_dataset(site.photos)) is not None:
            return self._done(api.annotate(copy_dataset(source, site.dataset), options), site)
        return self._done(api.run(list(site.photos), site.dataset, options), site)

    def _listing(self) -> ListOptions:
        return ListOptions(licence=self.options.licence or None, consent=self.options.consent or None)


class Ingest(TakeIn):
    """Takes photos in and finds the faces; a dataset in place of photos is copied as it is."""

    name = "ingest"
    doc = "Takes the photos in and finds the faces; labels nothing. A dataset is taken as it is."

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`ingest`."""
        if given_dataset(site.photos) is not None:
            return [copying(site)]
        return [["ingest", *super().commands(site)[0][1:]]]

    def check(self, site: Site) -> None:
        """The detector is there."""
        if self.options.annotators:
            raise UsageError(f"step {site.step} takes in photos only", fix="Its kind must be run to label faces")
        choose((), {}, self.options.detector).require_models()

    def run(self, site: Site) -> Done:
        """Takes in what is new."""
        if (source := given_dataset(site.photos)) is not None:
            return done(copy_dataset(source, site.dataset))
        return done(api.ingest(list(site.photos), site.dataset, self._options(site)))


def copying(site: Site) -> list[str]:
    """The command that starts from a dataset."""
    return ["cp", "-r", site.photos[0], str(site.dataset)]


def listed(site: Site, listing: ListOptions) -> str:
    """Digest of what the photos are: address, size and time of change of each, and what a list says of them."""
    table = list_sources(list(site.photos), listing)
    found = hashlib.blake2b(digest_size=10)
    for batch in table.to_batches(10_000):
        found.update(repr(batch.to_pylist()).encode())
    return found.hexdigest()


def listed_files(folder: Path) -> str:
    """Digest of a folder's files but hidden ones: name, size and time of change of each."""
    found = hashlib.blake2b(digest_size=10)
    for path in sorted(p for p in folder.rglob("[!.]*") if p.is_file()):
        facts = path.stat()
        found.update(f"{path.relative_to(folder).as_posix()} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return found.hexdigest()


def done(ds: Dataset) -> Done:
    """Faces, what became of the pictures, and what failed."""
    counts, last = ds.counts(), _last(ds)
    ok = counts.images.get(ImageStatus.OK.value, 0)
    facts = {"pictures": sum(counts.images.values()), "usable pictures": ok}
    errors = tuple(last.errors[:MOST_ERRORS]) if last is not None else ()
    again = (f"what failed is tried again by: facecurate annotate {ds.path} --retry-failed",) if errors else ()
    return Done(counts.faces, "faces", {f"picture: {k}": v for k, v in counts.reasons.items()}, facts,
                notes=(*errors, *again))  # fmt: skip


def _last(ds: Dataset) -> RunRecord | None:
    runs = ds.runs()
    return runs[-1] if runs else None
