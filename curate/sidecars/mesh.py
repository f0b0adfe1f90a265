"""Triangle meshes in Wavefront OBJ and Stanford PLY: points, triangles and texture coordinates, no more.

Materials, normals and colours of a file are not kept. Numbers are written so that they come back to the last bit of
single precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.store.parts import replacing
from schemas import UsageError

Points = NDArray[np.float64]
Indices = NDArray[np.int64]

SUFFIXES = (".obj", ".ply")
PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh.

    Attributes:
        points: (n, 3) in the file's own unit and frame.
        triangles: (m, 3) indices of points; polygons of more corners are cut into fans.
        uv: (k, 2) texture coordinates, None where the file has none.
        uv_triangles: (m, 3) indices of texture coordinates; None where the file has none.
    """

    points: Points
    triangles: Indices
    uv: Points | None = None
    uv_triangles: Indices | None = None

    @property
    def has_uv(self) -> bool:
        """Whether it can carry a texture."""
        return self.uv is not None and self.uv_triangles is not None

    def moved(self, points: Points) -> Mesh:
        """The same mesh with its points elsewhere."""
        return Mesh(points, self.triangles, self.uv, self.uv_triangles)


def read_mesh(path: Path) -> Mesh:
    """Read a mesh.

    Raises:
        UsageError: if the file is missing, of another kind, or cannot be parsed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} is no mesh that is read here", fix=f"Give {' or '.join(SUFFIXES)}")
    try:
        found = _read_obj(path.read_text("utf-8")) if path.suffix.lower() == ".obj" else _read_ply(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read the mesh {path}", error.strerror or str(error)) from error
    except (ValueError, IndexError, KeyError, StopIteration) as error:
        raise UsageError(f"cannot read the mesh {path}", f"line or number that makes no sense: {error}") from error
    _check_indices(path, "point", found.triangles, len(found.points))
    if found.uv is not None and found.uv_triangles is not None:
        _check_indices(path, "texture coordinate", found.uv_triangles, len(found.uv))
    return found


def _check_indices(path: Path, what: str, indices: Indices, count: int) -> None:
    if indices.size and not (indices.min() >= 0 and indices.max() < count):
        raise UsageError(f"cannot read the mesh {path}", f"a triangle names a {what} that is not there")


def write_mesh(mesh: Mesh, path: Path) -> None:
    """Write a mesh, whole or not at all.

    Raises:
        UsageError: for a suffix that is none of `SUFFIXES`.
    """
    if path.suffix.lower() == ".obj":
        text = _obj(mesh)
    elif path.suffix.lower() == ".ply":
        text = _ply(mesh)
    else:
        raise UsageError(f"{path} is no mesh that is written here", fix=f"Give {' or '.join(SUFFIXES)}")
    with replacing(path) as file:
        file.write(text.encode())


def _read_obj(text: str) -> Mesh:
    points: list[list[float]] = []
    uv: list[list[float]] = []
    corners: list[tuple[list[int], list[int]]] = []
    for line in text.splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            points.append([float(v) for v in fields[:3]])
        elif kind == "vt":
            uv.append([float(v) for v in fields[:2]])
        elif kind == "f":
            parts = [f.split("/") for f in fields]
            own = [_index(p[0], len(points)) for p in parts]
            placed = [_index(p[1], len(uv)) for p in parts if len(p) > 1 and p[1]]
            corners.append((own, placed if len(placed) == len(own) else []))
    triangles = [fan for own, _ in corners for fan in _fan(own)]
    textured = bool(uv) and all(placed for _, placed in corners)
    return Mesh(
        np.array(points, np.float64).reshape(-1, 3),
        np.array(triangles, np.int64).reshape(-1, 3),
        np.array(uv, np.float64).reshape(-1, 2) if textured else None,
        np.array([f for _, placed in corners for f in _fan(placed)], np.int64).reshape(-1, 3) if textured else None,
    )


def _index(text: str, count: int) -> int:
    """OBJ counts from 1, or backwards from the last one read."""
    number = int(text)
    return number - 1 if number > 0 else count + number


def _fan(corners: list[int]) -> list[list[int]]:
    return [[corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1)]


def _obj(mesh: Mesh) -> str:
    lines = [f"v {_numbers(p)}" for p in mesh.points]
    if mesh.uv is None or mesh.uv_triangles is None:
        lines += [f"f {' '.join(str(i + 1) for i in t)}" for t in mesh.triangles.tolist()]
    else:
        lines += [f"vt {_numbers(p)}" for p in mesh.uv]
        for own, placed in zip(mesh.triangles.tolist(), mesh.uv_triangles.tolist(), strict=True):
            lines.append("f " + " ".join(f"{i + 1}/{j + 1}" for i, j in zip(own, placed, strict=True)))
    return "\n".join(lines) + "\n"


def _ply(mesh: Mesh) -> str:
    """ASCII; texture coordinates are not part of it."""
    head = [
        "ply", "format ascii 1.0", f"element vertex {len(mesh.points)}",
        *(f"property double {axis}" for axis in "xyz"),
        f"element face {len(mesh.triangles)}", "property list uchar int vertex_indices", "end_header",
    ]  # fmt: skip
    body = [_numbers(p) for p in mesh.points] + [f"3 {' '.join(map(str, t))}" for t in mesh.triangles.tolist()]
    return "\n".join([*head, *body]) + "\n"


def _numbers(values: Points) -> str:
    return " ".join(f"{v:.17g}" for v in values.tolist())


@dataclass
class _Element:
    """An element of a PLY file: its properties are name, type, and type of the list's length or empty."""

    name: str
    count: int
    properties: list[tuple[str, str, str]]


def _read_ply(data: bytes) -> Mesh:
    head, found, body = data.partition(b"end_header")
    if not found or not head.startswith(b"ply"):
        raise ValueError("this is no PLY file")
    body = body[body.index(b"\n") + 1 :]
    form, elements = _ply_header(head.decode("ascii", "replace"))
    order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[form]
    rows = _ascii_rows(body, elements) if not order else _binary_rows(body, elements, order)
    columns = [name for name, _, _ in next(e for e in elements if e.name == "vertex").properties]
    places = [columns.index(axis) for axis in "xyz"]
    points = np.array([[row[i] for i in places] for row in rows["vertex"]], np.float64).reshape(-1, 3)
    fans = [fan for row in rows.get("face", []) for fan in _fan([int(v) for v in row[0]])]
    return Mesh(points, np.array(fans, np.int64).reshape(-1, 3))


def _ply_header(text: str) -> tuple[str, list[_Element]]:
    form, elements = "", []
    for line in text.splitlines():
        kind, *fields = line.split() or [""]
        if kind == "format":
            form = fields[0]
        elif kind == "element":
            elements.append(_Element(fields[0], int(fields[1]), []))
        elif kind == "property" and fields[0] == "list":
            elements[-1].properties.append((fields[3], PLY_TYPES[fields[2]], PLY_TYPES[fields[1]]))
        elif kind == "property":
            elements[-1].properties.append((fields[1], PLY_TYPES[fields[0]], ""))
    return form, elements


def _ascii_rows(body: bytes, elements: list[_Element]) -> dict[str, list[list[Any]]]:
    lines = iter(body.decode("ascii").splitlines())
    found: dict[str, list[list[Any]]] = {}
    for element in elements:
        found[element.name] = rows = []
        for _ in range(element.count):
            values = [float(v) for v in next(lines).split()]
            row: list[Any] = []
            for _, _, counted in element.properties:
                many = int(values.pop(0)) if counted else 0
                row.append([values.pop(0) for _ in range(many)] if counted else values.pop(0))
            rows.append(row)
    return found


def _binary_rows(body: bytes, elements: list[_Element], order: str) -> dict[str, list[list[Any]]]:
    at = 0
    found: dict[str, list[list[Any]]] = {}

    def take(kind: str, many: int = 1) -> list[float]:
        nonlocal at
        values = np.frombuffer(body, np.dtype(order + kind), many, at)
        at += values.nbytes
        return [float(v) for v in values.tolist()]

    for element in elements:
        found[element.name] = rows = []
        for _ in range(element.count):
            row: list[Any] = []
            for _, kind, counted in element.properties:
                row.append(take(kind, int(take(counted)[0])) if counted else take(kind)[0])
            rows.append(row)
    return found
