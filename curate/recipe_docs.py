"""The page of recipes, docs/recipes.md, made from what the recipes and the kinds of steps declare.

python -m curate.recipe_docs --write docs
python -m curate.recipe_docs --check docs
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Sequence

from curate.doc_pages import run
from curate.recipes.recipe import Recipe, load, recipe_names
from curate.recipes.registry import step_kinds
from curate.recipes.run import plan_steps
from curate.recipes.step import Step, shown

FILE = "recipes.md"
HEAD = """# Recipes

<!-- made by `python -m curate.recipe_docs --write docs` -->

A recipe builds a dataset from your photos as a published one was built:

    facecurate recipe NAME PHOTOS OUT [--set PARAMETER=VALUE]

`--explain` shows its steps as plain commands, `--dry-run` says what is done and what is to do, `--only STEP` does one
step, `--plan` does what needs no photos. A labelled dataset may stand in place of PHOTOS: it is copied and stays as it
is.

The same call goes on where it was stopped. OUT/recipe.json remembers each finished step by its settings, by what it
read and by the steps before it, so a changed parameter does again what depends on it and nothing else. OUT/recipe.html
tells what every step kept and dropped, and why. Pictures that a step generated become part of the dataset; where
settings before them change, name a new folder.

Labels are perceived by models from pictures; they are not facts about people.
"""
OWN = """
## Your own

A recipe is a TOML file; `facecurate recipe ./mine.toml PHOTOS OUT` runs it.

```toml
name = "smiles"
doc = "Sharp smiling faces as folders of pictures."

[parameters.sharp]
default = 0.5
doc = "Least sharpness, 0-1."

[[step]]
name = "label"
kind = "run"

[[step]]
name = "select"
kind = "select"
[step.rules]
sharp = "quality_sharpness >= {sharp}"
smile = "au_score.AU12 > 0.8"

[[step]]
name = "pictures"
kind = "export"
format = "imagefolder"
```

`{sharp}` stands for the parameter; `{dataset}`, `{out}` and `{recipe}` for the recipe's own. `when = "{flag}"` leaves a
step out where a flag is false or a text is empty. `photos = false` is for recipes that start from words. A new kind of
step is a class in a module of `curate/recipes/steps/`, or in your package under the entry point
`facecurate.recipe_steps`.
"""


def page() -> str:
    """The whole page."""
    known = [load(name) for name in recipe_names()]
    lines = [HEAD, "| recipe | what it builds | after |", "|---|---|---|"]
    lines += [f"| [{r.name}](#{r.name}) | {r.doc} | {r.source.get('title', '')} |" for r in known]
    for recipe in known:
        lines += _recipe(recipe)
    lines += [OWN, "## Kinds of steps", ""]
    for kind, cls in step_kinds().items():
        lines += [f"**{kind}**: {cls.doc}", "", *_options(cls), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _recipe(recipe: Recipe) -> list[str]:
    lines = ["", f"## {recipe.name}", "", recipe.doc, ""]
    titles = {"title": "Follows", "paper": "Paper", "published": "Published", "differs": "Done otherwise here"}
    lines += [f"- {titles[k]}: {' '.join(v.split())}" for k, v in recipe.source.items()]
    if recipe.parameters:
        lines += ["", "| parameter | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{p.name}` | {_shown(p.default)} | {p.doc}{_choices(p.choices)} |" for p in recipe.parameters.values()
        ]
    lines += ["", "```bash"]
    for one in plan_steps(recipe, (), None):
        left = "" if one.step is not None else " (left out unless asked for)"
        lines.append(f"# {one.spec.name}: {one.spec.doc}{left}")
        lines += [shown(command) for command in (one.step.commands(one.site) if one.step is not None else ())]
    return [*lines, "```"]


def _shown(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "none"


def _choices(choices: Sequence[str]) -> str:
    return f" One of {', '.join(f'`{c}`' for c in choices if c)}." if choices else ""


def _options(cls: type[Step]) -> list[str]:
    """Settings with their meaning, from the docstring of the options' class."""
    told = dict(re.findall(r"^ {4}(\w+): ((?:.+\n?(?: {8,}.+\n?)*))", _attributes(cls), re.MULTILINE))
    fields = dataclasses.fields(cls.options_type)
    return [f"- `{f.name}`: {' '.join(told.get(f.name, '').split())}" for f in fields]


def _attributes(cls: type[Step]) -> str:
    """The `Attributes` parts of the options' class and of those that it derives from."""
    docs = [inspect.cleandoc(c.__doc__ or "") for c in cls.options_type.__mro__ if dataclasses.is_dataclass(c)]
    return "\n".join(text.partition("Attributes:\n")[2] for text in docs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is current."""
    return run(__doc__, "curate.recipe_docs", FILE, page, arguments)


if __name__ == "__main__":
    sys.exit(main())
