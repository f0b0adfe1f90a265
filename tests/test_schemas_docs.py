"""The generated documentation says what the declarations say."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import REGISTRY, taxonomies
from schemas.coding import codings
from schemas.docs import columns_page, groups, main, stale, table, taxonomies_page
from schemas.landmarks import layouts

DOCS = Path(__file__).resolve().parent.parent / "docs"


DECLARED = dict(REGISTRY)
"""Taken on import, before tests of plug-ins declare columns of their own."""


def test_committed_pages_are_current() -> None:
    assert stale(DOCS) == [], "run: python -m schemas.docs --write docs/"


def test_every_column_and_label_set_is_on_its_page() -> None:
    columns, sets = columns_page(), taxonomies_page()
    assert [name for name in DECLARED if f"`{name}`" not in columns] == []
    assert [name for name in taxonomies() if f"### {name}\n" not in sets] == []
    assert [name for name in (*codings(), *layouts()) if f"`{name}`" not in sets] == []


def test_every_group_has_a_heading_once() -> None:
    names = [group.name for group in groups()]
    assert len(set(names)) == len(names)
    assert {column.group for column in DECLARED.values()} <= set(names)


def test_tables_keep_their_shape() -> None:
    assert table(["a", "b"], [["x|y", "two\nlines"]]) == ["| a | b |", "| --- | --- |", "| x\\|y | two lines |"]


def test_check_fails_on_a_stale_page_and_write_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", str(tmp_path)]) == 1
    assert "stale: columns.md, taxonomies.md" in capsys.readouterr().err
    assert main(["--write", str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "columns.md").write_text("old", "utf-8")
    assert main(["--check", str(tmp_path)]) == 1
