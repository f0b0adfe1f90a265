"""What a recipe declares, read from TOML: where it comes from, its parameters and its steps."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from curate.recipes.options import fill
from curate.store.names import check_name
from schemas import UnknownNameError, UsageError

SUFFIX = ".toml"
KEYS = {"name", "doc", "photos", "source", "parameters", "step"}
SOURCE_KEYS = ("title", "paper", "published", "differs")
PARAMETER_KEYS = {"default", "doc", "choices"}
STEP_KEYS = {"name", "kind", "doc", "when"}
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """One thing that a user may choose.

    Attributes:
        name: In `--set NAME=VALUE` and, in braces, in the steps.
        default: Its value; its type is the parameter's.
        doc: What it means.
        choices: All values it may have; empty for any.
    """

    name: str
    default: bool | int | float | str
    doc: str
    choices: tuple[str, ...] = ()

    def read(self, text: str) -> bool | int | float | str:
        """The value that a text of the command line means.

        Raises:
            UsageError: if it is of another type.
            UnknownNameError: if it is none of the choices.
        """
        kind = type(self.default)
        try:
            value = _FLAGS[text.lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise UsageError(f"--set {self.name}={text}", f"it must be {KINDS[kind]}") from None
        if self.choices and value not in self.choices:
            raise UnknownNameError(f"value of {self.name}", str(value), self.choices)
        return value


@dataclass(frozen=True)
class StepSpec:
    """One step as it is written.

    Attributes:
        name: Of its folder and in `--only`.
        kind: Which step it is.
        doc: Why it is there.
        options: Its settings, parameters not yet filled in.
        when: It is left out where this is false or empty once it is filled in.
    """

    name: str
    kind: str
    doc: str
    options: Mapping[str, Any] = field(default_factory=dict)
    when: Any = True


@dataclass(frozen=True)
class Recipe:
    """A named list of steps.

    Attributes:
        name: The command line and the docs use it.
        doc: One sentence.
        file: Where it stands, for messages.
        photos: It starts from photos; else from words alone.
        source: What it follows: `title`, `paper`, `published` (figures of the published set), `differs` (what is done
            otherwise here and why).
        parameters: By name, in order.
        steps: In order.
        call: What `facecurate recipe` is given to run it: its name, or the path of its file.
    """

    name: str
    doc: str
    file: str
    photos: bool
    source: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    steps: tuple[StepSpec, ...]
    call: str = ""

    def values(self, given: Mapping[str, str]) -> dict[str, bool | int | float | str]:
        """All parameters with their values.

        Args:
            given: Name -> text, from the command line.

        Raises:
            UnknownNameError: for a parameter that is none.
            UsageError: for a value of another type.
        """
        for name in given:
            if name not in self.parameters:
                raise UnknownNameError(f"parameter of {self.name}", name, self.parameters)
        return {n: p.read(given[n]) if n in given else p.default for n, p in self.parameters.items()}

    def where(self, spec: StepSpec) -> str:
        """File and step, for messages."""
        return f"{self.file}: step {spec.name}"

    def taken(self, spec: StepSpec, values: Mapping[str, Any]) -> bool:
        """Whether a step is part of a run with these parameters."""
        return bool(fill(spec.when, values, f"{self.where(spec)}.when"))


@cache
def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come along, sorted."""
    folder = resources.files("curate.recipes")
    return tuple(sorted(f.name.removesuffix(SUFFIX) for f in folder.iterdir() if f.name.endswith(SUFFIX)))


def load(name: str) -> Recipe:
    """A recipe that comes along, by name, or a user's own, by the path of its `.toml` file.

    Raises:
        UnknownNameError: for a name that is none.
        UsageError: naming the file and the key that is wrong.
    """
    if name.endswith(SUFFIX):
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{name} cannot be read", getattr(error, "strerror", None) or str(error)) from error
        return replace(parse(text, name), call=name)
    plain = name.replace("-", "_")
    if plain not in recipe_names():
        raise UnknownNameError("recipe", name, recipe_names())
    file = f"{plain}{SUFFIX}"
    return replace(parse(resources.files("curate.recipes").joinpath(file).read_text("utf-8"), file), call=plain)


def parse(text: str, file: str) -> Recipe:
    """A recipe from the text of its file.

    Raises:
        UsageError: naming the file and the key that is wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is no TOML", str(error)) from error
    _known(data, KEYS, file)
    source = _texts(data.get("source", {}), SOURCE_KEYS, f"{file}: source")
    parameters = {n: _parameter(n, p, file) for n, p in _table(data, "parameters", file).items()}
    steps = _steps(data.get("step"), file)
    name, photos = _text(data, "name", file), data.get("photos", True)
    if not isinstance(photos, bool):
        raise UsageError(f"{file}: photos", "it must be true or false")
    return Recipe(check_name("recipe", name), _text(data, "doc", file), file, photos, source, parameters, steps)


def _steps(tables: Any, file: str) -> tuple[StepSpec, ...]:
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise UsageError(f"{file} has no steps", fix="Write each as [[step]] with a name and a kind")
    steps = []
    for number, table in enumerate(tables, 1):
        where = f"{file}: step {number}"
        name = check_name("step", _text(table, "name", where))
        options = {k: v for k, v in table.items() if k not in STEP_KEYS}
        steps.append(
            StepSpec(name, _text(table, "kind", where), table.get("doc", ""), options, table.get("when", True))
        )
    if doubled := [s.name for i, s in enumerate(steps) if s.name in {t.name for t in steps[:i]}]:
        raise UsageError(f"{file}: two steps are called '{doubled[0]}'")
    return tuple(steps)


def _parameter(name: str, table: Any, file: str) -> Parameter:
    where = f"{file}: parameters.{name}"
    if not isinstance(table, dict) or type(table.get("default")) not in KINDS:
        raise UsageError(f"{where} has no default", fix="A default is a text, a number, true or false")
    _known(table, PARAMETER_KEYS, where)
    return Parameter(name, table["default"], _text(table, "doc", where), tuple(table.get("choices", ())))


def _known(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    for key in table:
        if key not in keys:
            raise UnknownNameError(f"key in {where}:", key, keys)


def _table(data: Mapping[str, Any], key: str, file: str) -> dict[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{file}: {key}", "it must be a table")
    return value


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where} has no '{key}'", "it must be a text")
    return value.strip()


def _texts(table: Any, keys: tuple[str, ...], where: str) -> dict[str, str]:
    if not isinstance(table, dict):
        raise UsageError(where, "it must be a table")
    _known(table, set(keys), where)
    return {key: _text(table, key, where) for key in keys if key in table}
