"""What the labels are, and what they may not be used for."""

from __future__ import annotations

PERCEPTION = (
    "Race, gender, age, skin tone and expression in this audit are perception: what a model or a viewer reads from a "
    "picture. They do not say who a person is, how old they are or what they feel. Use them to look at groups, not to "
    "decide about anyone."
)
SAMPLE = (
    "Intervals say what the figures would be in the population that these faces were drawn from. Those of the groups' "
    "shares and the tests of labels between groups allow for faces of one person (or photo, where people are not "
    "known) being alike; intervals of quality, missing values and filters take faces as drawn one by one, so where a "
    "person has many photos they are too short."
)
PROHIBITED = (
    "EU AI Act (Regulation 2024/1689), Article 5: systems must not sort single people by biometric data to deduce "
    "race, political opinions, trade-union membership, religion or philosophical beliefs, sex life or sexual "
    "orientation (labelling or filtering of lawfully acquired datasets is exempt), must not infer emotions of people "
    "at work or in education except for medical or safety reasons, and must not build face recognition databases by "
    "untargeted scraping of facial images from the internet or CCTV."
)
HIGH_RISK = (
    "Annex III, point 1: where law permits them at all, remote biometric identification, biometric categorisation by "
    "sensitive or protected attributes, and emotion recognition are high-risk. Whoever trains such a system on this "
    "dataset has duties of data governance (Article 10 asks for an examination of possible biases, which this audit "
    "can support) and of telling the people concerned (Article 50)."
)
PERSONAL = (
    "Faces and face embeddings are personal data; used to identify people they are biometric data under GDPR Article "
    "9, as data that reveal racial or ethnic origin are. A lawful basis is needed whatever the licence of the photos."
)
ADVICE = "This is a reader's summary and not legal advice; the texts of the law decide."

NOTICES = (PERCEPTION, SAMPLE, PROHIBITED, HIGH_RISK, PERSONAL, ADVICE)
