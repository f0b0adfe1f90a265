"""What a recipe's folder remembers: which steps are finished, by what they were made of, and what they left."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curate import __version__
from curate.recipes.step import DATASET, Done
from curate.store.layers import now
from curate.store.lock import LOCK_FILE
from curate.store.parts import read_json, write_json
from schemas import DatasetError, UsageError

FILE = "recipe.json"
BEGUN, FINISHED, LEFT_OUT = "begun", "finished", "left out"


@dataclass(frozen=True)
class Entry:
    """What is known of a step.

    Attributes:
        name: Of the step.
        kind: Of the step.
        key: Digest of its settings, of what it reads and of the steps before it.
        state: `begun`, `finished` or `left out`.
        leaves: Files and folders below the recipe's that are its own.
        stays: See `Step`.
        started: ISO 8601.
        finished: ISO 8601; empty while it is not.
        done: What it did, as plain data.
    """

    name: str
    kind: str
    key: str
    state: str
    leaves: tuple[str, ...] = ()
    stays: str = ""
    started: str = ""
    finished: str = ""
    done: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, key: str, out: Path) -> bool:
        """Whether it need not be done again: same key, finished, and its files are there."""
        if self.key != key or self.state == BEGUN:
            return False
        return all((out / file).exists() for file in self.done.get("files", ()))


class State:
    """The recipe's folder and its record.

    Args:
        out: The folder; made if it does not exist.
        recipe: Name of the recipe.

    Raises:
        UsageError: if the folder holds something else or another recipe.
    """

    def __init__(self, out: Path, recipe: str) -> None:
        self.out, self.recipe = out, recipe
        self.entries: dict[str, Entry] = {}
        if not (out / FILE).is_file():
            if out.exists() and (not out.is_dir() or any(p.name != LOCK_FILE for p in out.iterdir())):
                raise UsageError(
                    f"{out} holds something else", "a recipe works in a folder of its own", "Name a new one"
                )
            return
        told = read_json(out / FILE)
        if told.get("recipe") != recipe:
            raise UsageError(f"{out} is of the recipe '{told.get('recipe')}'", fix="Name a new folder")
        try:
            self.entries = {e["name"]: Entry(**{**e, "leaves": tuple(e["leaves"])}) for e in told["steps"]}
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{out / FILE} is not understood", str(error), "Name a new folder") from error

    def put(self, entry: Entry, facts: Mapping[str, Any]) -> None:
        """Remember a step."""
        self.entries[entry.name] = entry
        self.save(facts)

    def save(self, facts: Mapping[str, Any]) -> None:
        """Write the record."""
        self.out.mkdir(parents=True, exist_ok=True)
        about = {"recipe": self.recipe, "version": __version__, **facts}
        write_json(self.out / FILE, {**about, "steps": [asdict(e) for e in self.entries.values()]})

    def forget(self, keys: Mapping[str, str], *, alone: bool = False) -> list[str]:
        """Remove what steps left that were done with other settings or on other data, the last first.

        Args:
            keys: Step -> the key that it has now; steps that are gone from the recipe have none.
            alone: Leave steps that have no key.

        Returns:
            Names of the steps whose results were removed.

        Raises:
            UsageError: if a result is part of the dataset and cannot be told from the rest.
        """
        known = [e for e in self.entries.values() if not alone or e.name in keys]
        stale = [e for e in known if keys.get(e.name) != e.key]
        if lost := [e.name for e in stale if e.stays and (self.out / e.stays).exists()]:
            why = f"what step {lost[0]} made with other settings is part of {self.out / DATASET}"
            raise UsageError(f"{self.out} cannot go on with these settings", why, "Name a new folder")
        for entry in reversed(stale):
            for left in entry.leaves:
                remove(self.out / left)
            del self.entries[entry.name]
        return [e.name for e in stale]


def remove(path: Path) -> None:
    """Remove a file or a folder; nothing where there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def key_of(previous: str, *parts: Any) -> str:
    """Digest of a step that follows another one."""
    text = json.dumps([previous, *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def finished(entry: Entry, done: Done, out: Path) -> Entry:
    """The entry of a step that has just ended."""
    told = asdict(done) | {"files": [str(f.relative_to(out)) for f in done.files], "notes": list(done.notes)}
    return Entry(entry.name, entry.kind, entry.key, FINISHED, entry.leaves, entry.stays, entry.started, now(), told)
