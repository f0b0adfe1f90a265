"""The page of pairs in docs/pairs.md, made from what the kinds and views declare.

python -m curate.pair_docs --write docs
python -m curate.pair_docs --check docs
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence

from curate.doc_pages import run
from curate.pairs.base import ANY, CHILD, DIFFERENT, NEVER, PARTNER, SAME, Bound, PairKind, Relation
from curate.pairs.differences import DIFFERENCES
from curate.pairs.registry import kind_names, pair_kind, view, view_names
from curate.pairs.rules import NEAR

FILE = "pairs.md"
HEAD = """# Pairs, triplets and sets of faces for training

<!-- made by `python -m curate.pair_docs --write docs` -->

`facecurate pairs DATASET KIND FOLDER` writes rows of faces: a kind proposes them, and one engine holds every row to the
rules below, whatever was proposed, and counts what it refuses by reason (`refused.jsonl` has each row with the number
that decided). The folder holds `pairs.parquet` and `pairs.jsonl` (the same rows), `images/` with each face's picture
once, `views/`, and `facecurate-pairs.json` with counts, settings and the SHA-256 of every file. It is read back: every
file must open at its size, both tables must agree, and rules and figures are computed anew from the dataset. A stopped
call goes on. `facecurate measure` takes the folder as a table.

## Rules of every kind

* No face is in a row twice, and no two faces of one picture, unless the kind asks for that.
* No near-duplicates: not of one group of `facecurate duplicates`, and the 64-bit perceptual hashes of the two pictures,
  the second as it is or mirrored, differ in more than {near} bits.
* All faces of a row are of one split. People whose rows stand in several splits are counted in the manifest.
* Where a kind asks for one person or for two, faces of unknown identity are neither; two people whose embeddings pass
  for one person (cosine of {same} or more) are refused.
* A generated picture stands beside a photograph that went into it only where the kind is about that.
* Rows with a generated picture, and kinds that serve to make pictures of people, hold certain adults only; a generated
  picture counts as the photographs that it was made from. Licence, consent and review filters are those of `export`.
"""


def page() -> str:
    """The whole page."""
    from annotators.identity import SAME_PERSON

    known = [pair_kind(name) for name in kind_names()]
    lines = [HEAD.format(near=NEAR, same=SAME_PERSON), "## Kinds", ""]
    lines += ["| kind | a row | what it is | as in |", "|---|---|---|---|"]
    for cls in known:
        row = " + ".join(f"{r.name}{'...' if r.many else ''}" for r in cls.roles)
        lines.append(f"| [{cls.name}](#{cls.name}) | {row} | {cls.doc} | {cls.source} |")
    for cls in known:
        lines += ["", f"### {cls.name}", "", *_section(cls)]
    lines += ["", "## Differences", "", "Bounds are on these; each is NaN, and the row refused unless its kind says "
              "otherwise, where a face lacks the label.", ""]  # fmt: skip
    lines += ["| difference | what it is | unit | columns |", "|---|---|---|---|"]
    for one in DIFFERENCES.values():
        columns = ", ".join(f"`{c.name}`" for c in one.needs)
        lines.append(f"| `{one.name}` | {one.doc} | {one.unit} | {columns} |")
    lines += ["", "## Views", "", "`--views` writes these beside every face's picture, one file per face; kinds that "
              "need some write them anyway.", ""]  # fmt: skip
    lines += ["| view | what it is | file | columns |", "|---|---|---|---|"]
    for name in view_names():
        columns = ", ".join(f"`{c.name}`" for c in view(name).needs)
        lines.append(f"| `{name}` | {view(name).doc} | {view(name).suffix} | {columns} |")
    return "\n".join(lines) + "\n"


def _section(cls: type[PairKind]) -> Iterator[str]:
    yield inspect.cleandoc(cls.__doc__ or "").partition("\nAttributes:")[0].strip()
    yield ""
    for role in cls.roles:
        views = "".join(f"; `{column}`: view `{name}`" for column, name in role.views.items())
        kind = "any number of faces" if role.many else "may be empty" if role.optional else ""
        yield f"* `{role.name}`: {role.doc}{f' ({kind})' if kind else ''}{views}"
    for relation in cls.relations:
        if text := _relation(relation):
            yield f"* {relation.first} and {relation.second}: {text}"
    yield from (f"* {_bound(bound)}" for bound in cls.bounds)
    yield from (f"* `{name}`: {doc}" for name, doc in {**cls.figures, **cls.draws}.items())
    needs = ", ".join(f"`{c.name}`" for c in cls.required())
    settings = ", ".join(f"`{k}={v!r}`" for k, v in cls.config_type().as_dict().items())
    people = " Adults only." if cls.adults else ""
    yield ""
    yield f"Needs: {needs or 'nothing but faces'}.{people}{f' Settings (`--set`): {settings}.' if settings else ''}"


def _relation(relation: Relation) -> str:
    words = {
        "identity": {SAME: "one person", DIFFERENT: "different people", ANY: ""},
        "picture": {SAME: "one picture", DIFFERENT: "", ANY: "one picture or two"},
        "kin": {
            NEVER: "", CHILD: "the second is made from the first", ANY: "either may be made from the other",
            PARTNER: "the second took something from the first",
        },
    }  # fmt: skip
    return ", ".join(w[getattr(relation, name)] for name, w in words.items() if w[getattr(relation, name)])


def _bound(bound: Bound) -> str:
    parts = [f"{word} {limit if isinstance(limit, str) else f'{limit:g}'}"
             for word, limit in (("at least", bound.least), ("at most", bound.most)) if limit is not None]  # fmt: skip
    limits = f", {' and '.join(parts)}" if parts else ""
    unknown = "; null where unknown" if bound.unknown else ""
    return f"`{bound.name}`: {bound.difference} of {bound.first} and {bound.second}{limits}{unknown}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is current."""
    return run(__doc__, "curate.pair_docs", FILE, page, arguments)


if __name__ == "__main__":
    sys.exit(main())
