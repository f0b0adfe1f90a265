"""The page of served systems in docs/systems.md, made from curate/systems.toml.

python -m curate.system_docs --write docs
python -m curate.system_docs --check docs
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.doc_pages import run
from schemas import SchemaError

SOURCE = Path(__file__).parent / "systems.toml"
FILE = "systems.md"
STATES = {
    "works": "all that counts as working is tested",
    "partly": "part of it is tested; the rest is named",
    "open": "not yet served",
    "media": "needs video or audio, which this version does not take in",
}
HEAD = """# Published systems that this toolkit serves

<!-- made by `python -m curate.system_docs --write docs` -->

Each row of the project's list of systems has a test that runs what its users need, at a small scale, with the default
models. That a row *works* says that the files, labels and figures are right; what the published quality needs besides
stands in the last column. States: {states}.

{counts}
"""


@dataclass(frozen=True)
class System:
    """One published system.

    Attributes:
        row: Its number in the list of systems.
        title: Of the paper.
        serves: What the toolkit does for it.
        state: A key of `STATES`.
        command: What a user types.
        test: The pytest id, below the repository's root.
        missing: What is not tested, where the state is `partly`.
        needs: What the published quality needs besides: weights, data, machines.
    """

    row: int
    title: str
    serves: str
    state: str
    command: str = ""
    test: str = ""
    missing: str = ""
    needs: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise SchemaError(f"system {self.row} is in the state '{self.state}'", f"known are {', '.join(STATES)}")
        for state, given, what in (("works", self.command, "command"), ("works", self.test, "test"),
                                   ("partly", self.missing, "missing"), ("partly", self.test, "test")):  # fmt: skip
            if self.state == state and not given:
                raise SchemaError(f"system {self.row} is in the state '{state}' without `{what}`")
        if self.state == "works" and self.missing:
            raise SchemaError(f"system {self.row} works, yet something is missing: {self.missing}")


def systems() -> list[System]:
    """All systems by row.

    Raises:
        SchemaError: if an entry contradicts itself or a row comes twice.
    """
    with SOURCE.open("rb") as file:
        found = [System(**entry) for entry in tomllib.load(file)["system"]]
    twice = [row for row, n in Counter(s.row for s in found).items() if n > 1]
    if twice:
        raise SchemaError(f"systems.toml has row {twice[0]} more than once")
    return sorted(found, key=lambda s: s.row)


def page() -> str:
    """The whole page."""
    known = systems()
    number = Counter(s.state for s in known)
    counts = ", ".join(f"**{number[state]}** {state}" for state in STATES if number[state])
    states = "; ".join(f"*{state}*: {what}" for state, what in STATES.items())
    lines = [HEAD.format(states=states, counts=f"Of {len(known)} systems: {counts}.")]
    lines += ["| row | system | what the toolkit does for it | state | command | published quality also needs |"]
    lines += ["|---|---|---|---|---|---|"]
    for s in known:
        state = f"{s.state}; missing: {s.missing}" if s.missing else s.state
        cells = (s.title, s.serves, state, f"`{s.command}`" if s.command else "", s.needs)
        lines.append(f"| {s.row} | " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is current."""
    return run(__doc__, "curate.system_docs", FILE, page, arguments)


if __name__ == "__main__":
    sys.exit(main())
