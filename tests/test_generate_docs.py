"""The page of generators, its picture sheets and the README's table say what generators and figures say."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from annotators.weights import ModelStore
from curate.generator_docs import BEGIN, END, figures, has_sheet, kept, main, page, sheet_path, stale, table, with_table
from curate.generators.registry import generator, generator_names

ROOT = Path(__file__).resolve().parent.parent
OURS = [n for n in generator_names() if generator(n).__module__.startswith("curate.")]
LARGEST = 400_000
"""Bytes of a sheet."""


def test_committed_pages_are_current() -> None:
    found = stale(ROOT / "docs", ROOT / "README.md")
    assert found == [], "run: python -m curate.generator_docs --write docs README.md"


def test_every_generator_has_a_section_and_every_sheet_is_small() -> None:
    text = page()
    for name in OURS:
        assert f"\n## {name}\n" in text
        if has_sheet(generator(name)):
            path = sheet_path(ROOT / "docs", name)
            assert path.stat().st_size < LARGEST, name
            with Image.open(path) as picture:
                assert picture.format == "WEBP"


def test_every_embedded_generator_was_measured() -> None:
    known = figures()
    for name in OURS:
        if has_sheet(generator(name)):
            found = known.get(name, {})
            assert {"faces", "refused", "n", "command"} <= set(found), f"run: python -m benchmarks.generators {name}"
            assert found["command"].startswith("python -m benchmarks.generators")
            assert found["n"] == 0 or found["low"] <= found["kept"] <= found["high"]


def test_shares_under_the_bar_are_said() -> None:
    measured = {"faces": 50, "refused": 3, "n": 47, "kept": 0.7, "low": 0.56, "high": 0.81}
    assert kept(measured) == ".70 (.56-.81), n = 47; 3 of 50 faces refused; **under .80**"
    assert "under" not in kept({**measured, "kept": 0.9})
    assert "nothing that a verifier could judge" in kept({"faces": 50, "refused": 0, "n": 0})
    assert "not measured" in kept({})
    assert kept({**measured, "version": "1"}, "2").endswith("(measured in version 1)")
    assert "version" not in kept({**measured, "version": "2"}, "2")


def test_a_stale_page_is_found_and_the_marks_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# x\n{BEGIN}\nold\n{END}\nend\n", "utf-8")
    assert main(["--check", str(tmp_path), str(readme)]) == 1
    assert "stale: " in capsys.readouterr().err
    fresh = with_table(readme.read_text("utf-8"))
    assert table() in fresh
    assert fresh.endswith(f"{END}\nend\n")
    assert with_table(fresh) == fresh
    with pytest.raises(ValueError, match="no marks"):
        with_table("# x\n")


@pytest.mark.models
def test_sheets_are_drawn_from_the_public_portrait(models: ModelStore, tmp_path: Path) -> None:
    assert main(["--sheets", str(tmp_path), "compress"]) == 0
    with Image.open(tmp_path / "generators" / "compress.webp") as picture:
        assert picture.width > 5 * 200
        assert picture.height > 2 * 200
