"""What labels of faces may not be used for: shared by the data card, the Croissant file and the audit's page.

A paraphrase in plain words of Regulation (EU) 2024/1689 (the AI Act), Articles 5 and 50 and Annex III, and of the
General Data Protection Regulation, Articles 4(14) and 9. It is no legal advice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A use that is barred or bound to conditions, and where that is said."""

    text: str
    source: str


PERCEPTION = (
    "Age, gender, race, skin tone and emotion are what models or viewers read from single pictures, with errors that "
    "differ between groups. They are not facts about a person: not who somebody is, not how somebody identifies, not "
    "what somebody feels."
)

NEVER = (
    Rule("Deciding about a person: hiring, admission, credit, insurance, housing, benefits, policing, borders, "
         "medical or legal matters.", "the labels are perception; high-risk under AI Act, Annex III, points 3 to 8"),
    Rule("Sorting people by face into race, political opinion, union membership, belief, sex life or sexual "
         "orientation.", "prohibited: AI Act, Article 5(1)(g), which leaves out the labelling of lawfully acquired "
         "pictures, as for finding bias"),
    Rule("Inferring what people feel at work or in education, but for medical or safety reasons.",
         "prohibited: AI Act, Article 5(1)(f)"),
    Rule("Building or widening face recognition databases by scraping faces from the web or from cameras.",
         "prohibited: AI Act, Article 5(1)(e)"),
    Rule("Social scoring, or foretelling crimes from what somebody looks like.",
         "prohibited: AI Act, Article 5(1)(c) and (d)"),
    Rule("Finding, identifying or tracking a person who has not agreed to it.",
         "biometric data: GDPR, Articles 4(14) and 9; AI Act, Article 5(1)(h) and Annex III, point 1(a)"),
)  # fmt: skip
"""Uses that these labels are not made for, whatever the law of the place says."""

CONDITIONS = (
    Rule("Systems that sort people by sensitive or protected traits inferred from their faces, or recognise emotions, "
         "are high-risk where they are allowed at all: risk management, data governance, oversight, registration.",
         "AI Act, Annex III, point 1(b) and (c), with Articles 8 to 17 and 49"),
    Rule("People have to be told when an emotion recognition or biometric categorisation system is used on them.",
         "AI Act, Article 50(3)"),
    Rule("Generated pictures have to stay marked as generated, for machines and for viewers.",
         "AI Act, Article 50(2) and (4)"),
    Rule("Sensitive labels may be processed to find and correct bias only where nothing else will do, with safeguards, "
         "and are to be deleted afterwards.", "AI Act, Article 10(5)"),
)  # fmt: skip
"""Uses that are bound to conditions."""

NO_ADVICE = "This is a paraphrase in plain words, not legal advice; laws change, and other countries have others."
