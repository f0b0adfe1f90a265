"""The list of served systems names tests that exist, and its page is current."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from curate.system_docs import FILE, System, page, systems
from schemas import SchemaError

ROOT = Path(__file__).resolve().parent.parent


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_row_is_there_once() -> None:
    assert [s.row for s in systems()] == list(range(1, 120))


def test_named_tests_exist_and_bear_their_row() -> None:
    for system in systems():
        if system.test:
            file, _, function = system.test.partition("::")
            assert function in functions_of(ROOT / file), system
            assert re.match(rf"test_system_{system.row:03d}_", function), system


def test_every_test_of_a_system_is_named_by_its_row() -> None:
    named = {s.test.partition("::")[2] for s in systems()}
    for path in sorted((ROOT / "tests" / "systems").glob("test_*.py")):
        own = {name for name in functions_of(path) if name.startswith("test_system_")}
        assert own <= named, f"{path.name}: {own - named}"


def test_commands_are_ones_that_exist() -> None:
    from curate.cli.main import app

    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    known |= {group.name for group in app.registered_groups}
    for system in systems():
        for call in re.findall(r"facecurate (\S+)", system.command):
            assert call in known, system


def test_a_system_that_works_has_a_test() -> None:
    with pytest.raises(SchemaError, match="without `test`"):
        System(1, "t", "s", "works", command="facecurate run a b")
    with pytest.raises(SchemaError, match="something is missing"):
        System(1, "t", "s", "works", "facecurate run a b", "tests/x.py::test_y", missing="half")


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / FILE).read_text("utf-8") == page()
