"""SQL over a dataset: what it answers, what it reads, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_samples import KEYS, add, ids, image_table, sample

from curate.store import Dataset
from curate.store.query import references
from schemas import FacecurateError, UnknownNameError, UsageError
from schemas.columns import labels


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset = sample(tmp_path / "data")
    values = {labels.AGE: [20.0, 40.0, None], labels.AU_INTENSITY: [{"AU12": 3.0}, {"AU12": 1.0}, None]}
    add(dataset, "age@1", "model", "2024", values, annotator="age")
    add(dataset, "anna", "human", "2025", {labels.AGE: [None, 10.0, None]})
    add(dataset, "gaze.v1-0a", "model", "2025", {labels.GAZE_YAW: [1.0, 2.0, 3.0]}, annotator="gaze")
    failed = image_table(["lost"], status=["failed"], reason=["missing"], extra=['{"batch": 7}'])
    dataset.write("images", "00002", failed)
    return dataset


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT count(*) n FROM faces", [{"n": 6}]),
        ("SELECT sum(perceived_age) s FROM faces", [{"s": 30}]),
        ("FROM faces SELECT max(Perceived_Age) m", [{"m": 20}]),
        ("SELECT f.au_intensity.AU12 a FROM faces f WHERE f.perceived_age = 10", [{"a": 1}]),
        ('SELECT "au_intensity.AU12" a FROM faces WHERE "status.age" = \'ok\' ORDER BY a', [{"a": 1}, {"a": 3}]),
        ("SELECT au_intensity['AU12'] a FROM faces ORDER BY a LIMIT 1", [{"a": 1}]),
        ("SELECT status.anna s, count(*) n FROM faces GROUP BY ALL ORDER BY s", None),
        ('SELECT sum(perceived_age) s FROM "age@1"', [{"s": 60}]),
        ("SELECT anna.perceived_age a FROM anna WHERE label_status = 'ok'", [{"a": 10}]),
        (
            "SELECT i.uri FROM faces JOIN images i USING (image_id) WHERE perceived_age = 20",
            [{"uri": "/photos/00000-0.jpg"}],
        ),
        ("SELECT uri FROM faces WHERE perceived_age = 20", [{"uri": "/photos/00000-0.jpg"}]),
        (
            "SELECT uri, i.status s FROM faces f JOIN images i USING (image_id) WHERE f.perceived_age = 20",
            [{"uri": "/photos/00000-0.jpg", "s": "ok"}],
        ),
        ("SELECT \"extra.batch\" b FROM images WHERE width = 640 AND reason = 'missing'", [{"b": 7}]),
        ('SELECT count(*) n FROM "gaze.v1-0a"', [{"n": 3}]),
        ("SELECT reason, count(*) n FROM ledger GROUP BY reason", [{"reason": "missing", "n": 1}]),
        ("SELECT extra.batch b FROM images WHERE status = 'failed'", [{"b": 7}]),
        (
            "SELECT name, kind FROM layers",
            [
                {"name": "anna", "kind": "human"},
                {"name": "gaze.v1-0a", "kind": "model"},
                {"name": "age@1", "kind": "model"},
            ],
        ),
        ("WITH old AS (SELECT perceived_age a FROM faces) SELECT max(a) m FROM old", [{"m": 20}]),
        ("SELECT 1 + 1 AS two", [{"two": 2}]),
        ("SELECT count(*) n FROM faces WHERE perceived_age < (SELECT max(perceived_age) FROM faces)", [{"n": 1}]),
    ],
)
def test_answers(dataset: Dataset, query: str, answer: list[dict[str, object]] | None) -> None:
    rows = dataset.sql(query).to_pylist()
    assert rows == (answer or [{"s": "not_applicable", "n": 2}, {"s": "ok", "n": 1}, {"s": None, "n": 3}])


def test_star_gives_the_default_columns(dataset: Dataset) -> None:
    assert dataset.sql("SELECT * FROM faces").column_names == dataset.faces().column_names
    assert len(dataset.sql("SUMMARIZE faces")) == len(dataset.faces().column_names)
    named = dataset.sql("SELECT *, au_intensity.AU12 AS smile FROM faces ORDER BY face_id")
    assert named.column("smile").to_pylist()[:2] == [3, 1] and "perceived_age" in named.column_names
    row = dataset.sql("SELECT faces FROM faces LIMIT 1").to_pylist()[0]["faces"]
    assert row["face_id"] == f"{ids(KEYS[0])[0]}.0"


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        ("SELECT percieved_age FROM faces", UnknownNameError, "Did you mean 'perceived_age'"),
        ("SELECT * FROM face", UnknownNameError, "unknown table 'face'. Did you mean 'faces'"),
        ("SELECT au_intensity.AU99 FROM faces", UnknownNameError, "unknown field 'AU99'. Did you mean 'AU9'"),
        ("SELECT pose_yaw FROM faces", UsageError, "no layer provides it yet"),
        ("SELECT extra.nothing FROM images", UnknownNameError, "unknown column 'extra.nothing'"),
        ("SELEC 1", UsageError, "syntax error at or near"),
        ("SELECT 1; SELECT 2", UsageError, "give one statement"),
        ("", UsageError, "give one statement|not understood"),
    ],
)
def test_mistakes_are_one_clear_line(dataset: Dataset, query: str, kind: type[FacecurateError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        dataset.sql(query)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE faces",
        "DELETE FROM faces",
        "COPY faces TO '{out}'",
        "ATTACH '{out}' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "EXPORT DATABASE '{out}'",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM read_blob('{secret}')",
        "SELECT * FROM glob('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM 'https://example.org/x.parquet'",
    ],
)
def test_no_writing_no_files_no_network(dataset: Dataset, tmp_path: Path, query: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nxyzzy\n")
    out = tmp_path / "out"
    with pytest.raises(UsageError):
        dataset.sql(query.format(secret=secret, out=out))
    assert not out.exists()


def test_conditions_reach_no_files_either(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot hold a query"):
        dataset.faces(where=f"(SELECT count(*) FROM read_text('{tmp_path}/*')) > 0")


def test_references_are_found_in_every_corner() -> None:
    query = "SELECT a, list_transform(b, lambda x: x + c) FROM t JOIN u USING (d) ORDER BY (e.f)"
    found = references(query)
    assert set(found.columns) == {("a",), ("b",), ("c",), ("d",), ("e", "f")}
    assert {"t", "u"} <= found.tables and not found.star and not found.subquery
    assert references("SELECT t FROM t").star and references("SELECT * EXCLUDE (x) FROM t").star
    assert references("SELECT 1 WHERE 1 IN (SELECT 2)").subquery
