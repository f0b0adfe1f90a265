"""Making a split and checking it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.identity.gather import codes
from curate.identity.graph import Ints
from curate.identity.identities import NAME as CLUSTERING
from curate.identity.layers import publish
from curate.split.assign import Problem, assign
from curate.split.settings import IDENTITY, Settings
from curate.split.survey import crossing, survey
from curate.split.units import Material, asked, bound, combined, read, units
from curate.store import Dataset, LayerInfo
from curate.store.names import check_name
from curate.store.parts import read_json, write_json
from schemas import DatasetError, FacecurateError
from schemas.columns import faces, images

FOLDER = "splits"
VERSION = "1"
CONTENT = {"name": str, "layer": str, "revision": int, "settings": dict, "layers": list, "facts": dict}
"""What a certificate must hold."""


def layer_name(name: str) -> str:
    """Name of the layer of a split."""
    return f"split_{name}"


def certificate_path(ds: Dataset, name: str) -> Path:
    """Where the certificate of a split lies."""
    return ds.path / FOLDER / f"{check_name('split', name)}.json"


def make_split(ds: Dataset, settings: Settings) -> dict[str, Any]:
    """Divide a dataset's faces, write the layer, then the certificate of what was written.

    Every face goes to a part; whatever is tied goes to one part. A call that is stopped leaves no layer,
    or a layer that only lacks its certificate: the same call writes it.

    Returns:
        The certificate.

    Raises:
        DatasetError: if another split has this name, or one of this name that faces or labels have outgrown.
        UsageError: if identities, duplicates or a column are asked for that are not here.
    """
    certificate_path(ds, settings.name)
    layers = [i.name for i in ds.layers() if i.name != layer_name(settings.name)]
    settings = _with_threshold(ds, settings, layers)
    material = read(ds, settings, layers)
    part = _divide(material, settings)
    config = {"settings": settings.as_dict(), "layers": layers}
    info = LayerInfo(layer_name(settings.name), "model", "split", VERSION, config, columns=(images.SPLIT.name,))
    values = {images.SPLIT: pa.array(settings.parts).take(pa.array(part))}
    with ds.lock():
        publish(ds, info, material.people.ids, values, np.ones(len(part), bool), "in no part")
        facts = survey(material, settings, stored(ds, info.name, material, settings))
        if problems := broken(facts, settings):
            what = f"split '{settings.name}' was made before faces or labels changed"
            raise DatasetError(what, "; ".join(problems), "Give another name: facecurate split DATASET NAME")
        certificate = {
            "certificate": 1,
            "name": settings.name,
            "layer": info.name,
            "revision": ds.info.revision,
            "settings": settings.as_dict(),
            "layers": layers,
            "facts": facts,
        }
        write_json(certificate_path(ds, settings.name), certificate)
    return certificate


def _with_threshold(ds: Dataset, settings: Settings, layers: list[str]) -> Settings:
    """The settings with the cosine of the newest clustering, which decides what looks alike."""
    if IDENTITY not in settings.disjoint:
        return settings
    used = [i.config["threshold"] for i in ds.layers() if i.name in layers and i.annotator == CLUSTERING]
    return replace(settings, alike=float(used[0])) if used else settings


def _divide(material: Material, settings: Settings) -> Ints:
    first, unit = np.unique(units(material, settings), return_inverse=True)
    problem = Problem(
        unit=unit.astype(np.int64),
        strata=combined(material.strata, len(unit)),
        ratios=np.array(list(settings.ratios.values())),
        bound=bound(material, settings, unit, len(first)),
        names=material.people.ids.take(pa.array(first)).to_pylist(),
        seed=settings.seed,
    )
    part: Ints = assign(problem)[unit]
    return part


def stored(ds: Dataset, layer: str, material: Material, settings: Settings) -> Ints:
    """The part of each face as the layer says it, -1 where it says none of the parts."""
    table = ds.layer_table(layer, [faces.FACE_ID, images.SPLIT]).combine_chunks()
    place = codes(material.people.ids, table.column(faces.FACE_ID.name).combine_chunks())
    said = codes(table.column(images.SPLIT.name).combine_chunks(), pa.array(settings.parts))
    return np.where(place >= 0, said[place], -1)


def verify_split(ds: Dataset, name: str) -> list[str]:
    """Count everything again from the data and compare it with the certificate.

    Returns:
        What does not hold, in plain words; empty if all does.

    Raises:
        DatasetError: if there is no certificate of that name, or it is no certificate.
    """
    path = certificate_path(ds, name)
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.json"))
        fix = f"Known: {', '.join(known)}" if known else "Make one: facecurate split DATASET"
        raise DatasetError(f"{ds.path} has no split certificate '{name}'", fix=fix)
    certificate = read_json(path)
    odd = [key for key, kind in CONTENT.items() if not isinstance(certificate.get(key), kind)]
    if odd:
        raise DatasetError(f"{path} is no certificate of a split", f"missing or of the wrong kind: {', '.join(odd)}")
    if certificate["name"] != name:
        return [f"this is the certificate of split '{certificate['name']}'"]
    try:
        return _check(ds, certificate)
    except FacecurateError as error:
        return [f"the data cannot be read as the certificate says: {error}"]


def _check(ds: Dataset, certificate: dict[str, Any]) -> list[str]:
    at = ds.at_revision(certificate["revision"])
    info = at.layer(layer_name(certificate["name"]))
    if dict(info.config) != {key: certificate[key] for key in ("settings", "layers")}:
        return [f"the settings are not those of layer {info.name}"]
    settings, layers = Settings.from_dict(certificate["settings"]), certificate["layers"]
    material = read(at, settings, layers)
    part = stored(at, info.name, material, settings)
    facts = survey(material, settings, part)
    found = [*broken(facts, settings), *differences(certificate["facts"], facts)]
    return [*found, *_learnt_since(at, settings, layers, part)]


def _learnt_since(ds: Dataset, settings: Settings, layers: list[str], part: Ints) -> list[str]:
    """Groups that newer layers, such as names that people gave, put in two parts."""
    columns = {name.partition(".")[0] for name in asked(settings)}
    newer = [i.name for i in ds.layers() if i.name not in layers and columns & set(i.columns)]
    if not newer:
        return []
    tied = read(ds, settings, [*layers, *newer]).tied
    counts = {name: crossing(tied[name], part) for name in settings.disjoint}
    since = f"by layers made since the split ({', '.join(newer)})"
    return [f"{n} {name} groups lie in two or more parts {since}" for name, n in counts.items() if n]


def broken(facts: dict[str, Any], settings: Settings) -> list[str]:
    """Promises that the data do not keep, whatever the certificate says."""
    found = [f"{n} {name} groups lie in two or more parts" for name, n in facts["crossing"].items() if n]
    if facts["unassigned"]:
        found.append(f"{facts['unassigned']} faces are in none of the parts")
    if settings.children == "train" and facts["children_outside_training"]:
        found.append(f"{facts['children_outside_training']} faces that may be children's are outside the training part")
    if facts["look_alikes_crossing"]:
        found.append(f"{facts['look_alikes_crossing']} pairs of faces as alike as one person's lie in two parts")
    if not settings.allow_synthetic and facts["synthetic_outside_training"]:
        found.append(f"{facts['synthetic_outside_training']} generated faces are outside the training part")
    return found


def differences(said: Any, is_now: Any, path: str = "") -> list[str]:
    """Where the certificate and the data differ, value by value."""
    if isinstance(said, dict) and isinstance(is_now, dict):
        keys = dict.fromkeys([*said, *is_now])
        return [d for k in keys for d in differences(said.get(k), is_now.get(k), f"{path}.{k}" if path else k)]
    if said == is_now:
        return []
    return [f"{path} changed: the certificate says {_short(said)}, the data say {_short(is_now)}"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
