"""Which layers were made from which, so that nothing is held against what it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from curate.evaluation.truth import LAYER, Truth
from curate.store import LayerInfo


def ancestors(name: str, layers: Iterable[LayerInfo]) -> set[str]:
    """Layers whose values went into a layer, directly or through others."""
    by_name = {layer.name: layer for layer in layers}
    found: set[str] = set()
    open_ends = [name]
    while open_ends:
        layer = by_name.get(open_ends.pop())
        new = set(_inputs(layer.extra)) - found if layer is not None else set()
        found |= new
        open_ends += new
    return found


def _inputs(extra: Mapping[str, Any]) -> Iterator[str]:
    """Names of layers: as calibrations and annotators note them by column, and as fusions do."""
    inputs = extra.get("inputs")
    if isinstance(inputs, Mapping):
        yield from (str(name) for name in inputs.values())
    for entry in inputs if isinstance(inputs, list) else ():
        yield from entry.get("layers", ())


def made_from(truth: Truth, layers: Sequence[LayerInfo]) -> set[str]:
    """Layers that hold values of a truth that is a layer, which must not speak against it."""
    return {layer.name for layer in layers if truth.layer and truth.layer in ancestors(layer.name, layers)}


def kin(truth: Truth, speaking: Iterable[LayerInfo], layers: Sequence[LayerInfo]) -> dict[str, str]:
    """Layers that speak although they are no strangers to the truth -> why."""
    behind = ancestors(truth.layer, layers) if truth.layer else set()
    copies = made_from(truth, layers)
    found = {}
    for layer in speaking:
        if layer.name in behind:
            found[layer.name] = "the truth was made from this layer"
        elif layer.name in copies:
            found[layer.name] = "this layer was made from the truth"
        elif _fitted_on(layer, truth):
            found[layer.name] = "this layer was fitted on this very truth, so it has seen these faces"
    return found


def _fitted_on(layer: LayerInfo, truth: Truth) -> bool:
    """Whether a calibration or a fusion learned from this truth."""
    told = layer.extra.get("truth")
    if isinstance(told, Mapping):
        same_file = bool(truth.sha256) and told.get("sha256") == truth.sha256
        return same_file or (bool(truth.layer) and told.get("source") == LAYER + truth.layer)
    return bool(truth.layer) and layer.config.get("truth") in (truth.layer, LAYER + truth.layer)
