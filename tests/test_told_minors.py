"""What lists and reviewers say of minors is believed: such pictures are no source and are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.generate.candidates import pictures_with_minors
from curate.report.sample import told_minors
from curate.store import LayerInfo
from curate.store.human import write_word
from schemas.columns import faces, labels
from tests.export_samples import hard_cases
from tests.store_samples import KEYS, add, ids, image_table, sample


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ('{"minor": true}', True), ('{"Minor": "yes", "a": 1}', True), ('{"a": 1, "is_child": 1}', True),
        ('{"is_minor":"1"}', True), ('{"minor": false}', False), ('{"minor": 0, "b": true}', False),
        ('{"minority": true}', False), ('{"minor": 12}', False), (None, False),
    ],
)  # fmt: skip
def test_a_list_can_name_minors(tmp_path: Path, extra: str | None, told: bool) -> None:
    ds = sample(tmp_path / "ds")
    names = ids(KEYS[0])
    ds.write("images", KEYS[0], image_table(names, extra=[None, extra, '{"minor": false}']))
    assert told_minors(ds).to_pylist() == ([names[1]] if told else [])
    adults = {labels.AGE: [40.0] * len(names), labels.AGE_GROUP: ["40-49"] * len(names)}
    for number, key in enumerate(KEYS):
        add(ds, f"ages{number}", "model", f"2026-01-0{number + 1}", adults, key=key)
    assert (names[1] in pictures_with_minors(ds, assume_adults=False).to_pylist()) is told


def test_a_reviewers_flag_counts_as_the_word_of_people(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path, pictures=12)
    before = set(told_minors(ds).to_pylist())
    key = ds.keys("faces")[0]
    first, second = ds.read("faces", key, [faces.FACE_ID]).column(0).to_pylist()[:2]
    said = {first: {labels.REVIEW_FLAGS.name: ["blurred", "may_be_a_minor"]}, second: {labels.REVIEW_FLAGS.name: []}}
    info = LayerInfo("human-r-ann-1", "human", "label-studio", columns=(labels.REVIEW_FLAGS.name,))
    write_word(ds, info, {key: said})
    assert set(told_minors(ds).to_pylist()) == before | {first.rpartition(".")[0]}
