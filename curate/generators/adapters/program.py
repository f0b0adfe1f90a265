"""Running a program of the user's for one picture: no shell, a time limit, and a clear reason where it fails."""

from __future__ import annotations

import json
import shlex
import shutil
import string
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from annotators.crops import Pixels
from curate.generators.base import CannotGenerate
from curate.ingest.pixels import render
from schemas import UsageError

OUT, IN, REQUEST = "out", "in", "request"
FIELDS = (OUT, IN, REQUEST, "prompt", "negative", "seed", "width", "height")
TAIL = 300


def check_command(name: str, command: str, needed: tuple[str, ...]) -> list[str]:
    """The words of a command line.

    Args:
        name: Generator that runs it.
        command: With `{out}` (the picture it shall write), `{in}` (the portrait as PNG), `{request}` (a JSON file with
            all parameters), `{prompt}`, `{negative}`, `{seed}`, `{width}`, `{height}`.
        needed: Fields that must occur.

    Raises:
        UsageError: if it is empty, cannot be split, names another field or a program that is not here.
    """
    if not command:
        raise UsageError(f"{name} needs a command", fix=f"Set {name}.command='program --seed {{seed}} {{out}}'")
    try:
        words = shlex.split(command)
        used = {field for word in words for _, field, _, _ in string.Formatter().parse(word) if field is not None}
    except ValueError as error:
        raise UsageError(f"the command '{command}' is not understood", str(error)) from error
    if alien := sorted(used - set(FIELDS)):
        raise UsageError(f"the command names {{{alien[0]}}}", fix=f"Known: {', '.join(f'{{{f}}}' for f in FIELDS)}")
    if lacking := [f for f in needed if f not in used]:
        raise UsageError(f"the command '{command}' does not name {{{lacking[0]}}}")
    if shutil.which(words[0]) is None:
        raise UsageError(f"there is no program '{words[0]}'", fix="Give its path, or install it")
    return words


def run(words: list[str], parameters: Mapping[str, Any], portrait: Pixels | None, seconds: float) -> Pixels:
    """The picture that the program writes.

    Raises:
        CannotGenerate: if it fails, takes too long, or writes no picture; with its last words.
    """
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        paths = {OUT: Path(folder, "out.png"), IN: Path(folder, "in.png"), REQUEST: Path(folder, "request.json")}
        if portrait is not None:
            Image.fromarray(portrait).save(paths[IN])
        paths[REQUEST].write_text(json.dumps(dict(parameters), ensure_ascii=False), "utf-8")
        values = {f: str(parameters.get(f, "")) for f in FIELDS} | {k: str(v) for k, v in paths.items()}
        call = [word.format(**values) for word in words]
        try:
            done = subprocess.run(call, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise CannotGenerate(f"{words[0]} took longer than {seconds:g} s") from None
        except OSError as error:
            raise CannotGenerate(f"{words[0]} cannot be run: {error.strerror}") from error
        if done.returncode:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())[-TAIL:]
            raise CannotGenerate(f"{words[0]} ended with {done.returncode}: {said or 'it said nothing'}")
        try:
            with Image.open(paths[OUT]) as picture:
                picture.load()
                return np.asarray(render(picture), np.uint8)
        except OSError as error:
            raise CannotGenerate(f"{words[0]} wrote no picture that can be read: {error}") from error
