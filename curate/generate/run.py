"""`generate`: chooses faces, makes pictures of them, takes the pictures into the dataset and labels them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from curate import __version__
from curate.generate.candidates import candidates
from curate.generate.choice import choose, columns_for
from curate.generate.intake import annotators_of, check_models, detector_of, take_in
from curate.generate.journal import Entry
from curate.generate.options import Options
from curate.generate.partners import partners
from curate.generate.work import Setting, Tally, Work
from curate.store import Dataset, RunRecord
from curate.store.layers import now
from schemas import UsageError

FOLDER = "generated"


@dataclass(frozen=True)
class Generated:
    """The outcome of a run.

    Attributes:
        tallies: Generator -> what it did.
        faces: Faces that could be sources.
        left_out: Reason -> faces that could not.
        ingested: Pictures that are new to the dataset.
        failures: Labelling errors.
    """

    tallies: dict[str, Tally]
    faces: int
    left_out: dict[str, int]
    ingested: int = 0
    failures: tuple[str, ...] = ()


def prepare(ds: Dataset, options: Options) -> Setting:
    """Check all options and choose the faces; writes nothing.

    Raises:
        FacecurateError: for anything that would stop the run later.
    """
    chosen = choose(options.generators, options.settings)
    columns_for(ds, chosen)
    detector, settings = detector_of(ds)
    names, configured = annotators_of(ds, options.annotators if options.label else ())
    check_models(names, {**settings, **configured}, detector)
    for one in chosen:
        if not one.cls.takes_subject:
            one.cls(one.config).requests(1, options.seed)
    found = candidates(ds, options.rules)
    if not len(found) and any(c.cls.takes_subject for c in chosen):
        raise UsageError(f"no face of {ds.path} can be a source", found.why_none(), found.ways_out())
    others = None
    if any(c.cls.takes_partner for c in chosen):
        pool = (
            found if not options.partner_where else candidates(ds, replace(options.rules, where=options.partner_where))
        )
        if not len(pool):
            raise UsageError(f"no face of {ds.path} can be a partner", pool.why_none(), pool.ways_out())
        others = partners(ds, pool)
    return Setting(chosen, found, others)


def generate(ds: Dataset, options: Options) -> Generated:
    """Make pictures and take them in; a call that was stopped goes on where it stopped.

    Raises:
        FacecurateError: with one clear line, for anything a user can mend.
    """
    setting = prepare(ds, options)
    record = RunRecord(command=list(options.command), version=__version__, outcome="interrupted")
    record.annotators = [
        {"generator": c.cls.name, "version": c.cls.version, "config": c.config.as_dict()} for c in setting.chosen
    ]
    tallies: dict[str, Tally] = {}
    entries: dict[str, list[Entry]] = {}
    folder = ds.path / FOLDER
    with ds.lock():
        try:
            for chosen in setting.chosen:
                tallies[chosen.cls.name] = Tally()
                made = Work(ds, setting, options, record.id, folder).run(chosen, tallies[chosen.cls.name])
                entries[chosen.cls.name] = made
            record.outcome = "finished with errors" if any(t.failed for t in tallies.values()) else "finished"
        finally:
            record.finished = now()
            record.counts = {"generated": {n: t.as_dict() for n, t in tallies.items()}}
            record.errors = [f"{n}: {e} ({k} times)" for n, t in tallies.items() for e, k in t.failed.items()]
            ds.write_run(record)
    ingested, failures = take_in(ds, folder, entries, options)
    asked = any(c.cls.takes_subject for c in setting.chosen)
    left_out = setting.found.left_out if asked else {}
    return Generated(tallies, len(setting.found), left_out, ingested, failures)
