"""What the labels are, what the figures speak of, and what the labels may not be used for, as an audit's JSON says."""

from __future__ import annotations

from curate.card.uses import CONDITIONS, NEVER, NO_ADVICE, PERCEPTION, Rule

SAMPLE = (
    "Intervals say what the figures would be in the population that these faces were drawn from; only those of "
    "corrected counts speak of these very faces. Those of the groups' shares and the tests of labels between groups "
    "allow for faces of one person (or photo, where people are not known) being alike; intervals of quality, missing "
    "values and filters take faces as drawn one by one, so where a person has many photos they are too short."
)
PERSONAL = (
    "Faces and face embeddings are personal data; used to identify people they are biometric data under GDPR Article "
    "9, as data that reveal racial or ethnic origin are. A lawful basis is needed whatever the licence of the photos."
)


def _told(rules: tuple[Rule, ...]) -> str:
    return " ".join(f"{rule.text.removesuffix('.')} ({rule.source})." for rule in rules)


NOTICES = (
    f"{PERCEPTION} Use them to look at groups, not to decide about anyone.",
    SAMPLE,
    f"Not to be used for: {_told(NEVER)}",
    f"Bound to conditions: {_told(CONDITIONS)}",
    PERSONAL,
    NO_ADVICE,
)
