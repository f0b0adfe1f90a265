"""The resolved view against a plain-Python reading of the rule, over random layers."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import add, sample

from curate.store import Dataset
from curate.store.merge import Cells, complete, contributes, fall_through
from schemas.columns import labels

KINDS = ("human", "fused", "model")
FIELDS = ("AU1", "AU12")

numbers = st.lists(st.none() | st.integers(0, 5).map(float), min_size=3, max_size=3)
structs = st.lists(
    st.none() | st.dictionaries(st.sampled_from(FIELDS), st.integers(0, 5).map(float)), min_size=3, max_size=3
)
layers = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(2000, 2030), numbers, structs),
    max_size=5,
    unique_by=lambda layer: layer[1],
)


def speak(said: list[tuple[str, Any]]) -> tuple[Any, str | None]:
    """The first value that is not null, and who said it."""
    return next(((value, name) for name, value in said if value is not None), (None, None))


@settings(max_examples=40, deadline=None)
@given(layers=layers)
def test_the_view_follows_the_rule(
    tmp_path_factory: pytest.TempPathFactory, layers: list[tuple[str, int, list[Any], list[Any]]]
) -> None:
    dataset = sample(tmp_path_factory.mktemp("view") / "data")
    for kind, year, ages, units in layers:
        add(dataset, f"{kind}-{year}", kind, str(year), {labels.AGE: ages, labels.AU_INTENSITY: units})
    if not layers:
        return
    order = sorted(layers, key=lambda layer: (KINDS.index(layer[0]), -layer[1]))
    names = [f"{kind}-{year}" for kind, year, *_ in order]
    view = dataset.faces([labels.AGE, labels.AU_INTENSITY, "au_intensity.AU12"], provenance=True).to_pylist()
    for row in range(3):
        age = speak([(n, layer[2][row]) for n, layer in zip(names, order, strict=True)])
        assert (view[row]["perceived_age"], view[row]["perceived_age__layer"]) == age
        fields = {
            f: speak([(n, (layer[3][row] or {}).get(f)) for n, layer in zip(names, order, strict=True)]) for f in FIELDS
        }
        assert (view[row]["au_intensity.AU12"], view[row]["au_intensity.AU12__layer"]) == fields["AU12"]
        whole = view[row]["au_intensity"]
        if all(layer[3][row] is None for layer in order):
            assert whole is None
        else:
            assert {f: whole[f] for f in FIELDS} == {f: value for f, (value, _) in fields.items()}
        spoke = {name for _, name in fields.values() if name}
        assert set(filter(None, (view[row]["au_intensity__layer"] or "").split("+"))) == spoke


def test_sql_and_conditions_agree_with_the_view(tmp_path_factory: pytest.TempPathFactory) -> None:
    dataset = sample(tmp_path_factory.mktemp("view") / "data")
    add(dataset, "m", "model", "2024", {labels.AGE: [1.0, 2.0, None]})
    add(dataset, "h", "human", "2024", {labels.AGE: [None, 9.0, None]})
    table = dataset.faces(["face_id", labels.AGE], "perceived_age > 1.5")
    assert dataset.sql("SELECT face_id, perceived_age FROM faces WHERE perceived_age > 1.5").equals(table)
    assert table.column("perceived_age").to_pylist() == [9]
    assert _all_at_once(dataset).equals(dataset.faces())


def _all_at_once(dataset: Dataset) -> pa.Table:
    return pa.concat_tables(dataset.iter_faces())


def test_structs_merge_field_by_field_and_nested() -> None:
    kind = pa.struct([("a", pa.int8()), ("b", pa.struct([("c", pa.int8())]))])
    first = pa.array([{"a": 1, "b": None}, None, {"a": None, "b": {"c": None}}], kind)
    second = pa.array([{"a": 9, "b": {"c": 2}}, {"a": 3, "b": None}, None], kind)
    assert fall_through(first, second).to_pylist() == [
        {"a": 1, "b": {"c": 2}},
        {"a": 3, "b": None},
        {"a": None, "b": {"c": None}},
    ]
    assert contributes(first, second).to_pylist() == [True, True, False]
    assert contributes(first[:0], second[:0]).to_pylist() == []
    assert not complete(first) and complete(pa.array([{"a": 1, "b": {"c": 2}}], kind))


def test_a_layer_with_fewer_fields_or_another_width_fits_in() -> None:
    wide = pa.struct([("a", pa.float32()), ("b", pa.float32())])
    cells = Cells(wide, provenance=True)
    cells.add(pa.array([{"a": 1.0}, None], pa.struct([("a", pa.float64())])), "old")
    cells.add(pa.array([{"a": 5.0, "b": 2.0}, {"a": 6.0, "b": 3.0}], wide), "new")
    values, sources = cells.arrays(2)
    assert values.type == wide and values.to_pylist() == [{"a": 1, "b": 2}, {"a": 6, "b": 3}]
    assert sources.to_pylist() == ["old+new", "new"]
