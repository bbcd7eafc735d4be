"""What to know of the rows and of the scores, and what to do next, in words."""

from collections import Counter
from collections.abc import Iterator

from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.data.repeats import counted
from squeezebert.data.tasks.classification import LabelledText
from squeezebert.learn.learning import Learnt
from squeezebert.pipelines import Classification

_POOR = 0.8  # F1 of a label that needs more rows
_FEW = 8  # rows of a label
_EXACT = 0.0005  # of a difference that has no error
_SHORT = 8  # letters of a text, on average

MEANINGS = {
    "accuracy": "Of 100 answers, so many are right.",
    "accuracy_in_scope": "Of 100 texts that have a label, so many are answered rightly.",
    "macro_f1": "F1 is 100 if all rows of a label are found and nothing else is given it. This is "
    "the mean over labels: a rare label counts as much as a frequent one.",
    "micro_f1": "F1 is 100 if all labels of the rows are found and no others are given; here all "
    "labels are counted together.",
    "pearson": "100 if the answers rise and fall just as the values do, 0 if they have nothing to "
    "do with them.",
    "spearman": "100 if the answers have the order of the values, 0 if they have nothing to do "
    "with it.",
}
"""What the metrics of a comparison say."""


def remarks(learnt: Learnt) -> list[str]:
    """What to know of the rows, whether reading by the encoder paid, and of rows that are alike."""
    lines = list(learnt.examples.oddities)
    refused = learnt.learnt.evaluation.metrics.get("out_of_scope_recall")
    if refused is not None:
        more = " More rows of that kind help." if refused < _POOR else ""
        lines.append(
            f"Of {counted(learnt.examples.outside, 'rows')} labelled out_of_scope, which is no "
            f"class, {refused:.0%} are refused.{more}"
        )
    lead = learnt.lead
    if learnt.reads_words_alone:
        lines.append(
            "What was learnt reads words and letters alone: with the encoder's vectors beside them "
            "it was no better."
        )
    elif not lead.is_clear and lead.error < _EXACT:
        lines.append("No better than words and letters (TF-IDF), and no worse.")
    elif not lead.is_clear:
        lines.append(
            "No better than words and letters (TF-IDF) within chance: on all rows held out, the "
            f"difference is {100 * lead.difference:+.1f} points, give or take "
            f"{100 * lead.error:.1f}."
        )
    if learnt.alike:
        lines.append(
            f"{learnt.alike:,} of {learnt.count:,} rows are like an earlier one, but for case, "
            "spaces, punctuation or digits. "
            + (
                "None is scored by what was learnt from its like."
                if learnt.are_apart
                else "There are too few others to keep them apart, so the scores flatter."
            )
        )
    if learnt.cut and not learnt.reads_words_alone:
        lines.append(
            f"{learnt.cut:,} of {learnt.count:,} rows are longer than {learnt.spec.max_length} "
            "tokens, which is what the encoder reads: it sees their beginning. Of the rest, words "
            "and letters count."
        )
    return [*lines, *learnt.about_encoder]


def likely_reason(learnt: Learnt) -> str:
    """Why nothing was learnt, as far as can be told."""
    lengths = [len(row.text) + len(row.pair or "") for row in learnt.rows]
    per_label = learnt.count / max(1, len(learnt.spec.labels))
    if per_label < _FEW:
        return "There are few rows for each label: give eight or more."
    if sum(lengths) / len(lengths) < _SHORT:
        return "The texts have only a few letters: were they cut, or is another column the text?"
    if learnt.about_encoder and not learnt.languages:
        return learnt.about_encoder[0]
    return (
        "Labels may be in random order, or say nothing about the texts: look at a few rows, and "
        "whether texts and labels are the right columns."
    )


def advice(learnt: Learnt) -> list[str]:
    """What to do next."""
    lines = []
    poor = sorted(
        (
            each
            for each in learnt.learnt.evaluation.per_class
            if each.f1 < _POOR and each.label != OUT_OF_SCOPE
        ),
        key=lambda each: each.f1,
    )
    for each in poor[:5]:
        lines.append(
            f"Add rows of “{each.label}”: it has {each.support} scored rows, and "
            f"{each.recall:.0%} of them are found."
        )
    pairs = confusions(learnt)
    if pairs:
        (true, found), count = pairs[0]
        lines.append(
            f"Look at “{true}” and “{found}”: {count} rows of the first were taken for the second. "
            "Are the labels right, and do they mean different things?"
        )
    if learnt.spec.problem_type == "regression":
        lines.append(
            "Look at the rows that are furthest off: is their value right? More rows help most "
            "where answers are far off or rows are few."
        )
    if learnt.count < 200 and not poor:
        lines.append("It does well on few rows. Score it on new ones before you rely on it.")
    if not lines:
        lines.append(
            "Nothing stands out. Score it on rows that it hasn't seen: squeezebert evaluate."
        )
    return lines


def answered(learnt: Learnt) -> Iterator[tuple[LabelledText, Classification, str]]:
    """Rows held out with answer and right label, of classes that exclude each other."""
    if learnt.spec.problem_type == "single_label_classification":
        for row, answer in zip(learnt.rows, learnt.learnt.answers, strict=True):
            yield row, answer, row.label


def confusions(learnt: Learnt) -> list[tuple[tuple[str, str], int]]:
    """Right and given label of wrong answers, the most frequent first."""
    return Counter(
        (true, answer.label) for _, answer, true in answered(learnt) if answer.label != true
    ).most_common()
