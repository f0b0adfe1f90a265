"""Whether groups are answered by the same templates: the audit of an instruct dataset for biased wording."""

from __future__ import annotations

from typing import Any

from curate.measures.base import TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import texts
from curate.measures.rows import filled
from curate.text_quality.diversity import skeleton
from curate.text_quality.parity import parity
from schemas import UsageError


class AnswerParity(Measure):
    """Questions are looked at one by one, since templates belong to questions; the overall gap is the largest.

    An export that holds every question with every answer for each group alike (counterfactual balance) has the gap 0.
    """

    name = "answer_parity"
    doc = "Gap between groups in the distribution of answer templates, by question, against chance."
    source = "User-VLM 360 (Rahimi et al. 2025), bias audit; total variation distance with a permutation test"
    inputs = (
        Input("answers", TABLE, "a row per answer: `answer`, `group`, and `question` if there are several",
              ("answer", "group")),
    )  # fmt: skip

    def measure(self, given: Given) -> Result:
        """The gap of each question, and the shares behind the largest."""
        table, path = given.tables["answers"], given.paths["answers"]
        answers, groups = filled(table, "answer", path), texts(table, "group")
        questions = texts(table, "question") if "question" in table.column_names else [None] * len(answers)
        found = {}
        for question in dict.fromkeys(questions):
            rows = [i for i, q in enumerate(questions) if q == question]
            templates = [skeleton(answers[i], question or "") for i in rows]
            found[question or ""] = parity(templates, [groups[i] for i in rows])
        compared = {q: p for q, p in found.items() if p.groups}
        if not compared:
            raise UsageError(f"{path} has answers of fewer than two groups", fix="Fill `group` for both")
        rows_: list[dict[str, Any]] = [
            {"question": q, "groups": " and ".join(p.groups), "gap": p.gap, "by chance": p.expected, "p": p.p,
             "n": sum(p.n.values())}
            for q, p in compared.items()
        ]  # fmt: skip
        worst = max(compared, key=lambda q: compared[q].gap)
        shares = [
            {"group": group, "template": template, "share": share}
            for group, told in compared[worst].shares.items()
            for template, share in told.items()
        ]
        facts = {"largest gap": compared[worst].gap, "question": worst, "answers": len(answers)}
        return Result(facts, {"questions": rows_, "templates of the largest gap": shares})
