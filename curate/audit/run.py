"""Puts an audit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from curate.audit.associations import associations
from curate.audit.columns import Wanted, groupings_of, wanted
from curate.audit.concentration import duplicates, identities
from curate.audit.conditions import conditions, missing
from curate.audit.corrections import corrections
from curate.audit.errors import errors, evaluated
from curate.audit.exact import scipy
from curate.audit.faces import Faces
from curate.audit.filters import impacts, usual
from curate.audit.findings import findings
from curate.audit.groups import Cube, groupings
from curate.audit.notices import NOTICES
from curate.audit.options import INTERVALS, AuditOptions
from curate.audit.reading import read_faces
from curate.audit.relations import relations
from curate.audit.representation import represent
from curate.audit.results import Audit
from curate.audit.small import small_cells
from curate.audit.targets import read_targets, wish
from curate.evaluation.progress import steps
from curate.store import Dataset
from curate.store.images import PREFIX
from curate.store.layers import now
from curate.store.names import check_name
from curate.store.view import FaceView
from schemas import UnknownNameError, UsageError
from schemas.columns import labels

EMOTIONS = (labels.PERCEIVED_EMOTION.name, labels.EMOTION8.name, labels.PROTOTYPE.name)


def audit(dataset: Dataset | str | Path, options: AuditOptions | None = None) -> Audit:
    """Look at who is in a dataset and whom its labels fail.

    Args:
        dataset: The dataset or its folder.
        options: See `AuditOptions`.

    Returns:
        Every section with figures and intervals. `Audit.save` writes it.

    Raises:
        FacecurateError: with one clear line, for anything a user can mend: an unknown column, layer or target, a
            condition that SQL does not understand.
        MissingExtraError: if scipy is absent.
    """
    options = options or AuditOptions()
    _check(options)
    ds = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    view = FaceView(ds, options.layers)
    by, crossings = groupings_of(view, options.by, options.depth)
    _check_maps(options, by)
    want = wanted(view, by, crossings, options.columns)
    targets = read_targets(options.target, view, by, crossings, options.quiet)
    others = usual(view)
    evaluation = evaluated(ds, by, crossings, options)
    wrong = errors(evaluation, ds, options)
    faces = read_faces(view, want, [*options.filters, *others], options.quiet)
    cube = Cube(groupings(faces, by, crossings, options.maps))
    with steps(7, options.quiet) as announce:
        announce("representation")
        alike = faces.clusters
        represented = tuple(represent(g, wish(g, targets), alike, options) for g in cube.groupings)
        announce("labels by group")
        spoken = [*want.labels, *(n for n in faces.coded if n.rpartition(".")[0] in want.lists)]
        associated = tuple(associations(faces, cube, spoken, want.numbers, want.units, options))
        announce("quality and missing labels")
        found = _conditions(faces, cube, want, options)
        announce("filters")
        filtered = tuple(impacts(faces, cube, options.filters, others, options))
        announce("copies and people")
        copies, people = duplicates(faces, cube, options), identities(faces, cube, options)
        announce("action units")
        emotion = next((n for n in EMOTIONS if n in faces.coded), "")
        related = relations(faces, cube, want.units, emotion, options)
        announce("confusion of the labels")
        truer = tuple(corrections(evaluation, cube.groupings, options))
        small = tuple(small_cells(associated, evaluation, options))
    made = Audit(
        name=options.name, created=now(), dataset=_about(ds, view, faces), by=tuple(g.by for g in cube.groupings),
        sources=faces.speakers, findings=(), representation=represented, associations=associated, **found,
        errors=wrong, corrected=truer, small_cells=small, filters=filtered, duplicates=copies,
        identities=people, relations=related, absent={}, notices=NOTICES, options=_told(options), path=ds.path,
    )  # fmt: skip
    made = replace(made, absent=_absent(made, want))
    return replace(made, findings=findings(made))


def _check(options: AuditOptions) -> None:
    scipy("stats")
    check_name("file", options.name)
    if options.outcomes and options.truth is None and options.evaluation is None:
        named = ", ".join(f"{c}={v}" for c, v in options.outcomes.items())
        raise UsageError(f"the rates of {named} need truth", fix="Give --truth or --evaluation")
    if options.truth_map and options.truth is None:
        reason = f"it names columns of a truth ({', '.join(options.truth_map)}), and none was given"
        raise UsageError("--truth-map is of no use here", reason, "Give --truth too, or leave it out")
    if options.interval not in INTERVALS:
        raise UnknownNameError("interval", options.interval, INTERVALS)


def _check_maps(options: AuditOptions, by: Sequence[str]) -> None:
    """Without a truth, vocabularies can only be of the list's columns that are grouped by."""
    listed = [name for name in by if name.startswith(PREFIX)]
    for name in options.maps if options.truth is None else ():
        if name not in listed:
            reason = f"{name} is no extra.NAME of --by, and no truth was given"
            raise UsageError(f"--map {name} is of no use here", reason, "Give --truth, or name the column in --by")


def _conditions(faces: Faces, cube: Cube, want: Wanted, options: AuditOptions) -> dict[str, Any]:
    return {
        "conditions": tuple(conditions(faces, cube, want.conditions, options)),
        "missing": tuple(missing(faces, cube, want.missing, options)),
    }


def _about(ds: Dataset, view: FaceView, faces: Faces) -> dict[str, Any]:
    return {
        "name": ds.info.name or ds.path.name,
        "revision": ds.info.revision,
        "detector": dict(ds.info.detector),
        "pictures": faces.pictures,
        "faces": faces.n,
        "licence": ds.info.licence,
        "consent": ds.info.consent,
        "layers": [
            {"name": x.name, "kind": x.kind, "annotator": x.annotator, "version": x.version, "weights": dict(x.weights)}
            for x in view.layers
        ],
    }


def _told(options: AuditOptions) -> dict[str, Any]:
    """The options as plain data; paths by their file name, since the page is made to be passed on."""
    found = {k: v for k, v in asdict(options).items() if k not in ("quiet", "name")}
    found["target"] = [Path(str(t)).name for t in options.target]
    for name in ("truth", "evaluation"):
        found[name] = None if found[name] is None else Path(str(found[name])).name
    return found


def _absent(made: Audit, want: Wanted) -> Mapping[str, str]:
    """Sections that are not there, and what to run for them."""
    found: dict[str, str] = {}
    if made.errors is None:
        found["errors"] = "No truth was given. Give --truth (a table, layer:NAME or extra) or --evaluation FILE."
    if not made.corrected:
        found["corrected"] = (
            "No confusion of these columns is at hand. Give --truth or --evaluation that speaks of the columns of --by."
        )
    if made.duplicates is None:
        found["duplicates"] = "Copies were not looked for. Run: facecurate duplicates DATASET"
    if made.identities is None:
        found["identities"] = "People are not known. Run: facecurate identity DATASET"
    if made.relations is None:
        found["relations"] = "There are no action units. Run the annotator action_units."
    if not made.small_cells:
        found["small_cells"] = "No group is small, or no label was compared."
    if not made.missing:
        found["missing"] = "No label is missing." if want.missing else "There are no labels."
    return found
