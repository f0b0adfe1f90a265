"""Data flows one way: schemas <- annotators <- curate; heavy libraries load where they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "annotators", "curate")
OURS_ALLOWED = {
    "schemas": {"schemas"},
    "annotators": {"schemas", "annotators"},
    "curate": {"schemas", "annotators", "curate"},
}
AT_MODULE_LEVEL = {
    "schemas": {"pyarrow"},
    "annotators": {"numpy", "pyarrow", "cv2"},
    "curate": {"numpy", "pyarrow", "cv2", "PIL", "markupsafe", "threadpoolctl", "typer", "click"},
}
"""Libraries that may load with a module; all others load inside the function or `setup` that needs them."""

NOT_COLUMNS = {"curate/ingest/formats.py": {"n_frames"}, "annotators/au_models.py": {"mouth_opening"}}
"""Words that only look like columns: `n_frames` is Pillow's attribute, `mouth_opening` names a measure of the fit."""

FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Top-level names of the packages that a tree imports, with the statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield (node.module or "").split(".")[0], node


def runs_at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported: not function bodies, not type checking."""
    stack: list[ast.stmt] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack += node.orelse
            continue
        yield node
        stack += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
        if isinstance(node, ast.Try):
            stack += [statement for handler in node.handlers for statement in handler.body]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), named(path))


def strings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """String constants with their lines, docstrings left out."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value, node.lineno


def upward(package: str, tree: ast.AST) -> list[str]:
    return sorted({name for name, _ in imports(tree) if name in PACKAGES and name not in OURS_ALLOWED[package]})


def heavy(package: str, tree: ast.Module) -> list[str]:
    light = sys.stdlib_module_names | AT_MODULE_LEVEL[package] | set(PACKAGES)
    early = {id(statement) for statement in runs_at_import(tree)}
    return sorted({name for name, statement in imports(tree) if id(statement) in early and name not in light})


def bare_columns(tree: ast.AST) -> list[tuple[int, str]]:
    """Column names written as strings, with their lines.

    Only names with an underscore, since the others are plain words; an annotator's own `name` may be a column's.
    """
    own = {
        (node.value.value, node.value.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and ast.unparse(node.targets[0]) == "name"
    }
    return [
        (line, text) for text, line in strings(tree) if "_" in text and text in REGISTRY and (text, line) not in own
    ]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_one_way(path: Path) -> None:
    assert upward(path.relative_to(ROOT).parts[0], parse(path)) == []


@pytest.mark.parametrize("path", [x for x in FILES if x.is_relative_to(ROOT / "schemas")], ids=named)
def test_schemas_need_only_the_standard_library_and_pyarrow(path: Path) -> None:
    assert {name for name, _ in imports(parse(path))} <= sys.stdlib_module_names | {"schemas", "pyarrow"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_heavy_libraries_load_where_they_are_used(path: Path) -> None:
    assert heavy(path.relative_to(ROOT).parts[0], parse(path)) == [], "import it inside the function that needs it"


@pytest.mark.parametrize("path", [x for x in FILES if not x.is_relative_to(ROOT / "schemas")], ids=named)
def test_columns_are_used_as_objects(path: Path) -> None:
    allowed = NOT_COLUMNS.get(named(path), set())
    found = [(line, text) for line, text in bare_columns(parse(path)) if text not in allowed]
    assert found == [], "use the declared column, such as labels.YAW.name"


@pytest.mark.parametrize("package", ["schemas", "annotators"])
def test_importing_a_package_loads_nothing_of_those_above(package: str) -> None:
    above = {"schemas": ("annotators", "curate", "cv2"), "annotators": ("curate", "onnxruntime")}[package]
    code = f"import {package}, sys; print([m for m in {above!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_checks_see_what_they_should() -> None:
    tree = ast.parse(
        '"""pose_yaw"""\nimport torch\nfrom curate import x\ntry:\n    import duckdb\nexcept ImportError:\n'
        "    import pandas\nif TYPE_CHECKING:\n    import fiftyone\ndef f():\n    import rich\n    return 'pose_yaw'\n"
    )
    assert heavy("annotators", tree) == ["duckdb", "pandas", "torch"]
    assert upward("annotators", tree) == ["curate"]
    assert upward("curate", tree) == []
    assert bare_columns(tree) == [(12, "pose_yaw")]
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)
