"""The model store: content-addressed files that any source may give, because the hash decides.

Nothing is fetched unless `pull` is called. A file is looked for in the folder `FACECURATE_MODELS`, then
in the cache (`FACECURATE_CACHE`, or the user's cache folder).
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from annotators.catalogue import ModelEntry, PackageSource, UrlSource, default_entries
from schemas import ModelError, UnknownNameError, UsageError

FOLDER_VARIABLE = "FACECURATE_MODELS"
CACHE_VARIABLE = "FACECURATE_CACHE"
PULL_HINT = f"Fetch it with: facecurate models pull, or name a folder that holds it in {FOLDER_VARIABLE}"
OWN_HINT = (
    f"Fetch it with: facecurate models pull {{name}}, name a folder that holds it in {FOLDER_VARIABLE}, "
    "or give the path of a file of your own in the settings (docs/adapters.md)"
)

T = TypeVar("T")
SourceKind = Literal["url", "package"]
Progress = Callable[[str], object]


@dataclass(frozen=True)
class Verification:
    """What `ModelStore.verify` found for one model.

    Attributes:
        name: The model.
        state: `ok`, `absent` or `wrong` (a file is there but is not the one the hash names).
        detail: The path, or what is the matter.
    """

    name: str
    state: Literal["ok", "absent", "wrong"]
    detail: str

    @property
    def ok(self) -> bool:
        """Whether the right file is here."""
        return self.state == "ok"


class ModelStore:
    """Finds, fetches and checks model files.

    Args:
        folder: Folder searched first; by default the one `FACECURATE_MODELS` names, if any.
        cache: Where fetched files are kept; by default a folder of the user's cache.
        entries: The catalogue; by default the one that comes with the package.
        commercial_only: Refuse models whose licence forbids commercial use.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        cache: Path | str | None = None,
        entries: Iterable[ModelEntry] | None = None,
        commercial_only: bool = False,
    ) -> None:
        folder = folder or os.environ.get(FOLDER_VARIABLE) or None
        self.folder = Path(folder).expanduser() if folder else None
        self.cache = Path(cache).expanduser() if cache else cache_folder() / "models"
        self.commercial_only = commercial_only
        self._entries = {e.name: e for e in (default_entries() if entries is None else entries)}
        self._checked: dict[str, Path] = {}
        self._shared: dict[Any, Any] = {}

    def entries(self) -> tuple[ModelEntry, ...]:
        """All known models."""
        return tuple(self._entries.values())

    def entry(self, name: str) -> ModelEntry:
        """The catalogue's entry of that name.

        Raises:
            UnknownNameError: if there is none; the message offers the nearest name.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError("model", name, self._entries) from None

    def shared(self, factory: Callable[[ModelStore], T]) -> T:
        """What `factory` makes of this store, made once: a network that several annotators of a process use."""
        if factory not in self._shared:
            self._shared[factory] = factory(self)
        made: T = self._shared[factory]
        return made

    def sha256(self, name: str) -> str:
        """The SHA-256 of a model file: as the catalogue says, or of the file itself where `name` is a path."""
        return file_sha256(self.path(name)) if is_path(name) else self.entry(name).sha256

    def path(self, name: str) -> Path:
        """The verified file of a model. Never fetches.

        A name with a folder in it is a path that the user gave: that file is taken as it is.

        Raises:
            UnknownNameError: if the catalogue has no such model.
            ModelError: if it is absent, has the wrong hash, or its licence is refused.
        """
        if is_path(name):
            return _given(name)
        entry = self._allowed(name)
        if name not in self._checked:
            found, problems = self._find(entry)
            if found is None:
                hint = PULL_HINT if entry.default else OWN_HINT.format(name=name)
                raise ModelError(f"model '{name}' is not on this machine", "; ".join(problems), hint)
            self._checked[name] = found
        return self._checked[name]

    def verify(self, names: Iterable[str] | None = None) -> list[Verification]:
        """Hash the files again, whatever was checked before; without names the default set and others that are here."""
        results = []
        _digest.cache_clear()
        for name in names or self._entries:
            found, problems = self._find(self.entry(name))
            if not names and not found and not problems and not self.entry(name).default:
                continue
            if found is not None:
                results.append(Verification(name, "ok", str(found)))
            else:
                results.append(Verification(name, "wrong" if problems else "absent", "; ".join(problems) or "absent"))
        return results

    def pull(
        self,
        names: Iterable[str] | None = None,
        sources: Sequence[SourceKind] = ("url", "package"),
        progress: Progress = lambda _: None,
    ) -> dict[str, Path]:
        """Make sure that models are on this machine; those that are already here are not fetched.

        Args:
            names: Models; those of the default set if not given.
            sources: Kinds of source that may be asked.
            progress: Called with a line for every step.

        Returns:
            The file of each model.

        Raises:
            UnknownNameError: if the catalogue has no such model.
            UsageError: if `sources` names a kind that does not exist.
            ModelError: naming every source that was tried and why it failed.
        """
        from annotators.fetch import Fetcher

        if alien := set(sources) - {"url", "package"}:
            raise UsageError(f"unknown kind of source: {', '.join(sorted(alien))}", fix="Known: url, package")
        paths: dict[str, Path] = {}
        with Fetcher(progress) as fetcher:
            for entry in [self._allowed(name) for name in names or self._default_names()]:
                found, problems = self._find(entry)
                wanted = [s for s in entry.sources if _kind(s) in sources]
                place = self.cache / entry.sha256 / entry.file
                paths[entry.name] = found or fetcher.fetch(entry, wanted, place, problems)
                self._checked[entry.name] = paths[entry.name]
        return paths

    def _default_names(self) -> list[str]:
        return [e.name for e in self._entries.values() if e.default]

    def _allowed(self, name: str) -> ModelEntry:
        entry = self.entry(name)
        if self.commercial_only and not entry.commercial:
            raise ModelError(f"model '{name}' is refused", f"its licence {entry.licence} forbids commercial use")
        return entry

    def _find(self, entry: ModelEntry) -> tuple[Path | None, list[str]]:
        """The right file and no problems, or None and what is wrong with the files that are there."""
        problems = []
        for path in self._candidates(entry):
            if file_sha256(path) == entry.sha256:
                return path, []
            if path.name == entry.file:
                problems.append(f"{path} is refused: its SHA-256 is not {entry.sha256}")
        if self.folder is not None and not self.folder.is_dir():
            problems.append(f"{FOLDER_VARIABLE}={self.folder} is not a folder")
        return None, problems

    def _candidates(self, entry: ModelEntry) -> list[Path]:
        cached = self.cache / entry.sha256 / entry.file
        found = [cached] if cached.is_file() else []
        if self.folder is None or not self.folder.is_dir():
            return found
        named = self.folder / entry.file
        by_name = [named] if named.is_file() else []
        others = (p for p in sorted(self.folder.iterdir()) if p != named and p.is_file())
        return by_name + [p for p in others if p.stat().st_size == entry.size] + found


def _kind(source: UrlSource | PackageSource) -> SourceKind:
    return "url" if isinstance(source, UrlSource) else "package"


def is_path(name: str) -> bool:
    """Whether a model is named by a path, with a folder in it, and not by the catalogue's name."""
    return "/" in name or os.sep in name


def _given(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelError(f"there is no model file {path}", fix="Give the path of a file, or a name of 'models list'")
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hex; hashed again only when its size or time has changed."""
    stat = path.stat()
    return _digest(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@cache
def _digest(path: Path, *_mark: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """This program's cache: `FACECURATE_CACHE`, or `facecurate` in the platform's cache folder."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "facecurate"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "facecurate" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facecurate"
