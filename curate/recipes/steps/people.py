"""Steps that say who is who, which photos are the same, and which part of the dataset a face belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotators.base import Config
from curate.identity import duplicates, identities
from curate.recipes.state import remove
from curate.recipes.step import DATASET, Done, Site, Step, layer_folder, option
from curate.split.settings import Settings as SplitSettings
from curate.split.settings import parse_ratios
from curate.split.split import FOLDER, certificate_path, layer_name, make_split


def _forget(site: Site, annotator: str) -> None:
    """Remove the layers of an annotator from the recipe's own dataset."""
    for info in site.open().layers():
        if info.annotator == annotator and info.kind == "model":
            remove(site.out / layer_folder(info.name))


@dataclass(frozen=True)
class IdentityOptions(Config):
    """When faces are taken for one person.

    Attributes:
        threshold: Least average cosine; 0 chooses it by the number of faces.
        assume_adults: The user's word that the photos show adults only.
    """

    threshold: float = 0.0
    assume_adults: bool = False


class Identity(Step):
    """Groups the faces into people."""

    name = "identity"
    doc = "Groups the faces into people; children are never merged."
    options_type = IdentityOptions
    options: IdentityOptions

    def leaves(self, site: Site) -> Sequence[str]:
        """Nothing: the step removes earlier groups itself."""
        return ()

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`identity`."""
        told = option("--threshold", self.options.threshold or None)
        return [["identity", str(site.dataset), *told, *option("--assume-adults", self.options.assume_adults)]]

    def run(self, site: Site) -> Done:
        """Clusters and writes the layer; one of an earlier call goes, since it would speak if it were newer."""
        o = self.options
        _forget(site, identities.NAME)
        found = identities.find_identities(
            site.open(), identities.Settings(o.threshold or None, assume_adults=o.assume_adults)
        )
        kept = found.counts["faces"] - found.counts["without embedding"]
        return Done(kept, "faces", {"no embedding": found.counts["without embedding"]},
                    {"threshold": found.threshold, **found.counts})  # fmt: skip


@dataclass(frozen=True)
class DuplicateOptions(Config):
    """When two faces show one photo.

    Attributes:
        bits: Most differing bits of the 64-bit picture hash.
        assume_adults: The user's word that the photos show adults only.
    """

    bits: int = duplicates.Settings().bits
    assume_adults: bool = False


class Duplicates(Step):
    """Groups faces that show the same photo."""

    name = "duplicates"
    doc = "Groups faces that show the same photo and marks the best of each group; a later selection drops the others."
    options_type = DuplicateOptions
    options: DuplicateOptions

    def leaves(self, site: Site) -> Sequence[str]:
        """Nothing: the step removes earlier groups itself."""
        return ()

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`duplicates`."""
        told = option("--bits", self.options.bits if self.options.bits != duplicates.Settings().bits else None)
        return [["duplicates", str(site.dataset), *told, *option("--assume-adults", self.options.assume_adults)]]

    def run(self, site: Site) -> Done:
        """Compares and writes the layer; one of an earlier call goes, since it would speak if it were newer."""
        o = self.options
        _forget(site, duplicates.NAME)
        found = duplicates.find_duplicates(
            site.open(), duplicates.Settings(bits=o.bits, assume_adults=o.assume_adults), site.quiet
        )
        return Done(site.open().counts().faces, "faces", {}, found.counts)


@dataclass(frozen=True)
class SplitOptions(Config):
    """How the dataset is divided.

    Attributes:
        ratios: Share of each part.
        stratify: Columns to keep in balance between the parts.
        disjoint: `identity`, `duplicates`, or columns whose values stay in one part.
        seed: Another number gives another division.
        assume_adults: The user's word that the photos show adults only.
        allow_synthetic: Generated pictures may lie outside the training part.
    """

    ratios: str = "train=.8,validation=.1,test=.1"
    stratify: tuple[str, ...] = ()
    disjoint: tuple[str, ...] = ("identity", "duplicates")
    seed: int = 0
    assume_adults: bool = False
    allow_synthetic: bool = False


class Split(Step):
    """Divides the faces into parts that share no person and no photo."""

    name = "split"
    doc = "Divides the faces into parts that share no person, no photo and no picture, with a certificate."
    options_type = SplitOptions
    options: SplitOptions

    def leaves(self, site: Site) -> Sequence[str]:
        """Layer and certificate."""
        return (layer_folder(layer_name(site.step)), f"{DATASET}/{FOLDER}/{site.step}.json")

    def check(self, site: Site) -> None:
        """The shares add up."""
        self._settings(site)

    def commands(self, site: Site) -> Sequence[Sequence[str]]:
        """`split`."""
        o = self.options
        told = [*option("--ratios", o.ratios), *option("--stratify", o.stratify), *option("--disjoint", o.disjoint)]
        told += [*option("--seed", o.seed or None), *option("--assume-adults", o.assume_adults)]
        return [["split", str(site.dataset), site.step, *told, *option("--allow-synthetic", o.allow_synthetic)]]

    def run(self, site: Site) -> Done:
        """Divides, and writes layer and certificate."""
        facts = make_split(site.open(), self._settings(site))["facts"]
        sizes = {part: told["faces"] for part, told in facts["parts"].items()}
        return Done(sum(sizes.values()), "faces", {}, sizes, (certificate_path(site.open(), site.step),))

    def _settings(self, site: Site) -> SplitSettings:
        o = self.options
        return SplitSettings(
            site.step, parse_ratios(o.ratios), o.stratify, o.disjoint, o.seed, assume_adults=o.assume_adults,
            allow_synthetic=o.allow_synthetic,
        )  # fmt: skip
