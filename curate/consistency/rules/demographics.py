"""Perceived demographics and skin tone: labels, their probabilities, and each other."""

from __future__ import annotations

from functools import cache

import numpy as np

from annotators.colour import hex_to_rgb, srgb_to_lab, typology_angle
from curate.consistency.rule import Rule, Verdict, clash
from curate.consistency.values import Values, is_label, ramp
from curate.scores import scores_beside
from schemas import REGISTRY, Column, Kind, taxonomy
from schemas.bins import bins
from schemas.columns import labels
from schemas.mapping import mapping

CHILDREN = ("0-2", "3-9")
GROWN = ("Goatee", "Mustache", "5_o_Clock_Shadow", "Sideburns", "Gray_Hair", "Receding_Hairline")
"""CelebA's attributes that no child has."""


def declared(taxonomy_name: str, kind: Kind) -> list[Column]:
    """Columns of a taxonomy and kind."""
    return [c for c in REGISTRY.values() if c.taxonomy == taxonomy_name and c.kind is kind]


def _not_most_probable(label: Column, scores: Column) -> Rule:
    def test(values: Values) -> Verdict:
        all_scores, mine = values.fields(scores), values.probability(label)
        best = np.where(np.isnan(all_scores), -1.0, all_scores).argmax(1)
        names = np.array(taxonomy(label.taxonomy).labels, dtype=object)
        top = all_scores[np.arange(len(values)), best]
        facts = {"label": values.label(label), "mine": mine, "best": names[best], "top": top}
        known = np.where(np.isnan(mine), np.nan, 1.0)
        return clash(known, ramp(top - mine, 0.02, 0.3), **facts)

    return Rule(
        f"{label.name}_against_probabilities",
        (label, scores),
        0.9,
        f"{label.name} is {{label}} with a probability of {{mine:.2f}}, but {{best}} has {{top:.2f}}.",
        "a label is the most probable of the scores beside it (docs of the columns)",
        test,
        together=True,
    )


def _mass(scores: Column) -> Rule:
    def test(values: Values) -> Verdict:
        total = np.nansum(values.fields(scores), axis=1)
        known = np.asarray(~np.isnan(values.fields(scores)).all(1))
        return Verdict(known, np.where(known, ramp(np.abs(total - 1), 0.02, 0.1), 0.0), {"total": total})

    return Rule(
        f"{scores.name}_against_one",
        (scores,),
        0.9,
        f"The probabilities of {scores.name} add up to {{total:.2f}}.",
        "probabilities of exclusive classes add up to 1",
        test,
    )


def _abstained(label: Column, flag: Column) -> Rule:
    def test(values: Values) -> Verdict:
        said = np.array([float(v is not None) for v in values.label(label)])
        return clash(said, values.number(flag), label=values.label(label))

    return Rule(
        f"{label.name}_against_abstention",
        (label, flag),
        0.8,
        f"{label.name} is {{label}}, but the model is said to have abstained.",
        "a model that abstains leaves its label null (docs of the columns)",
        test,
        together=True,
    )


def _outside_set(label: Column, chosen: Column) -> Rule:
    def test(values: Values) -> Verdict:
        label_of, sets = values.label(label), values.lists(chosen)
        known = np.array([a is not None and s is not None for a, s in zip(label_of, sets, strict=True)], bool)
        out = [float(a is not None and a not in s) if s else 0.0 for a, s in zip(label_of, sets, strict=True)]
        words = np.array([", ".join(s or ()) for s in sets], dtype=object)
        return Verdict(known, np.array(out), {"label": label_of, "set": words})

    return Rule(
        f"{label.name}_against_its_set",
        (label, chosen),
        0.4,
        f"{label.name} is {{label}}, which is not in its conformal set: {{set}}.",
        "a set of the classes that are likely enough holds the likeliest, unless each class has a limit of its own; an "
        "empty set contradicts nothing: no class was likely enough",
        test,
        together=True,
    )


def _age(values: Values) -> Verdict:
    found = values.label(labels.AGE_GROUP)
    years = values.number(labels.AGE)
    edges = [(np.nan, np.nan) if g is None else bins("age-fairface").interval(g) for g in found]
    low, high = np.array(edges, dtype=float).reshape(-1, 2).T
    beyond = np.maximum(np.maximum(low - years, years - high), 0)
    return clash(np.where(np.isnan(beyond), np.nan, 1.0), ramp(beyond, 18, 35), group=found, years=years)


def _race(seven: Column, four: Column) -> Rule:
    merged = mapping(seven.taxonomy, four.taxonomy)
    beside = [c for c in (scores_beside(seven), scores_beside(four)) if c is not None]

    def test(values: Values) -> Verdict:
        one, other = values.label(seven), values.label(four)
        goal = [None if v is None else merged.map_label(v) for v in one]
        differ = np.array(
            [np.nan if a is None or b is None else float(a != b) for a, b in zip(goal, other, strict=True)]
        )
        sure = [
            ramp(values.probability(c), 0.3, 0.8) if set(beside) <= set(_held(values, beside)) else 1.0
            for c in (seven, four)
        ]
        return clash(differ * sure[0], np.ones(len(values)) * sure[1], one=one, other=other)

    return Rule(
        f"{seven.name}_against_{four.name}",
        (seven, four),
        0.8,
        f"{seven.name} is {{one}}, but {four.name} is {{other}}.",
        f"the map {merged.name}",
        test,
        also=tuple(beside),
    )


def _held(values: Values, columns: list[Column]) -> list[Column]:
    return [c for c in columns if c in values]


def _child(attributes: Column) -> Rule:
    def test(values: Values) -> Verdict:
        child = is_label(values.label(labels.AGE_GROUP), *CHILDREN) * ramp(
            values.probability(labels.AGE_GROUP), 0.3, 0.7
        )
        scores = np.stack([values.field(attributes, name) for name in GROWN], axis=1)
        most = np.where(np.isnan(scores), -1.0, scores).max(1)
        which = np.array(GROWN)[np.where(np.isnan(scores), -1.0, scores).argmax(1)]
        most = np.where(most < 0, np.nan, most)
        facts = {"group": values.label(labels.AGE_GROUP), "which": which, "most": most}
        return clash(child, ramp(most, 0.6, 0.9), **facts)

    return Rule(
        f"child_with_grown_{attributes.name}",
        (labels.AGE_GROUP, labels.AGE_PROB, attributes),
        0.9,
        "Perceived age is {group}, but {which} scores {most:.2f}.",
        "children grow neither beards nor grey hair",
        test,
    )


@cache
def _tone_angles() -> dict[str | None, float]:
    """Typology angle of each Monk tone's own colour, in degrees."""
    colours = taxonomy(labels.MONK.taxonomy).colours
    return {tone: float(typology_angle(srgb_to_lab(hex_to_rgb(code)))) for tone, code in colours.items()}


def _tone(values: Values) -> Verdict:
    tone, angle = values.label(labels.MONK), values.number(labels.ITA)
    expected = np.array([_tone_angles().get(t, np.nan) for t in tone], dtype=float)
    apart = np.abs(expected - angle)
    known = np.where(np.isnan(apart), np.nan, 1.0)
    return clash(known, ramp(apart, 55, 90), tone=tone, expected=expected, angle=angle)


def _ita(values: Values) -> Verdict:
    kind, angle = values.label(labels.ITA_CLASS), values.number(labels.ITA)
    edges = [(np.nan, np.nan) if k is None else bins("ita").interval(k) for k in kind]
    low, high = np.array(edges, dtype=float).reshape(-1, 2).T
    beyond = np.maximum(np.maximum(low - angle, angle - high), 0)
    return clash(np.where(np.isnan(beyond), np.nan, 1.0), ramp(beyond, 0.5, 10), kind=kind, angle=angle)


def _sure_of_bad_light(values: Values) -> Verdict:
    light, sure = values.label(labels.SKIN_LIGHTING), values.number(labels.SKIN_CONFIDENCE)
    bad = is_label(light, "grey_image", "colour_cast")
    return clash(bad, ramp(sure, 0.55, 0.8), light=light, sure=sure)


_LABELLED = [(c, beside) for c in list(REGISTRY.values()) if (beside := scores_beside(c)) is not None]

RULES = (
    *(_not_most_probable(label, scores) for label, scores in _LABELLED),
    *(_mass(scores) for _, scores in _LABELLED),
    *(_abstained(c, flag) for c, _ in _LABELLED if (flag := REGISTRY.get(f"{c.name}_abstained")) is not None),
    *(_outside_set(c, chosen) for c, _ in _LABELLED if (chosen := REGISTRY.get(f"{c.name}_set")) is not None),
    Rule(
        "age_group_against_age",
        (labels.AGE_GROUP, labels.AGE),
        0.6,
        "Perceived age group is {group}, but the mean age is {years:.0f} years.",
        "both come from one distribution; a mean 22 years outside the bin (found from there on) means two peaks",
        _age,
        together=True,
    ),
    *(
        _race(seven, four)
        for seven in declared("race-fairface-7", Kind.LABEL)
        for four in declared("race-fairface-4", Kind.LABEL)
    ),
    *(_child(attributes) for attributes in declared("celeba-40", Kind.SCORES)),
    Rule(
        "skin_tone_against_angle",
        (labels.MONK, labels.ITA),
        0.6,
        "The Monk tone is {tone}, whose colour has a typology angle of {expected:.0f}, but the angle is {angle:.0f}.",
        "both describe one colour; the angle is that of the tone's published colour (Chardon et al. 1991)",
        _tone,
    ),
    Rule(
        "ita_class_against_angle",
        (labels.ITA_CLASS, labels.ITA),
        0.8,
        "The class of the typology angle is {kind}, but the angle is {angle:.0f} degrees.",
        "limits of schemas/data/bins.toml",
        _ita,
    ),
    Rule(
        "skin_confidence_against_light",
        (labels.SKIN_CONFIDENCE, labels.SKIN_LIGHTING),
        0.6,
        "The skin tone is trusted by {sure:.2f}, but the light is called {light}.",
        "a grey picture and a colour cast hide the skin's own colour",
        _sure_of_bad_light,
    ),
)
