"""Levenshtein's distance of two texts."""

from __future__ import annotations


def edit_distance(first: str, second: str) -> int:
    """Fewest letters to insert, delete or replace that make one text of the other.

    V. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966, by the recurrence
    of Wagner and Fischer, 1974.
    """
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
