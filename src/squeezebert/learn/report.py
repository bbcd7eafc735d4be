"""The report of a learning: one page of HTML for whoever owns the data."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.data.tasks.classification import LabelledText, Table
from squeezebert.evaluation import Evaluation
from squeezebert.files import replacing_file
from squeezebert.learn.learning import Learnt
from squeezebert.learn.telling import telling_words
from squeezebert.learn.work import Work
from squeezebert.pipelines import Classification

_MIXED_UP = 12
_EXAMPLES = 3
_LISTED = 20
_POOR = 0.8  # F1 of a label that needs more rows
_NAMES = {
    "accuracy": "answers that are right",
    "accuracy_in_scope": "answers in scope that are right",
    "out_of_scope_recall": "texts out of scope that are refused",
    "macro_f1": "F1, mean over labels",
    "micro_f1": "F1 over all labels together",
    "pearson": "correlation",
    "spearman": "rank correlation",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison.

    Attributes:
        name: of the model.
        score: in the metric of the comparison.
        interval: of the score, 95 %; None where there is none.
    """

    name: str
    score: float
    interval: tuple[float, float] | None


def rows_of(learnt: Learnt, fine_tuned: Evaluation | None = None) -> tuple[str, list[Row]]:
    """The metric to compare by, and what each way to answer has of it on the same rows.

    Args:
        learnt: what was learnt.
        fine_tuned: scores of a fine-tuned model, if one was made.
    """
    metric = learnt.baseline.metric
    models = [("words and letters (TF-IDF)", learnt.ngrams.evaluation)]
    models.append(("learnt", learnt.learnt.evaluation))
    if fine_tuned is not None:
        models.append(("fine-tuned", fine_tuned))
    return metric, [
        Row(learnt.baseline.way, learnt.baseline.score, None),
        *(
            Row(name, evaluation.metrics[metric], evaluation.intervals.get(metric))
            for name, evaluation in models
        ),
    ]


def remarks(learnt: Learnt) -> list[str]:
    """What to know of the scores: whether reading by the encoder paid, and rows that are alike."""
    lines = []
    lead = learnt.lead
    if learnt.reads_words_alone:
        lines.append(
            "What was learnt reads words and letters alone: with the encoder's vectors beside them "
            "it was no better."
        )
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
    return [*lines, *learnt.about_encoder]


def write_report(
    path: Path, learnt: Learnt, work: Work, table: Table, fine_tuned: Evaluation | None = None
) -> None:
    """Writes the page.

    Args:
        learnt: what was learnt.
        work: what that took.
        table: what it was learnt from.
        fine_tuned: scores of a fine-tuned model on the same rows, if one was made.
    """
    texts = (text for row in table for text in (row.text, row.pair or ""))
    words = telling_words(learnt.weights, texts, learnt.spec.labels)
    with replacing_file(path) as aside:
        page = report_page(learnt, work, Path(table.name).name, words, fine_tuned)
        aside.write_text(page, encoding="utf-8")


def report_page(
    learnt: Learnt,
    work: Work,
    source: str,
    words: Mapping[str, Sequence[str]],
    fine_tuned: Evaluation | None = None,
) -> str:
    """The page, with nothing that it would have to fetch.

    Args:
        learnt: what was learnt.
        work: what that took.
        source: what it was learnt from.
        words: that speak for each label.
        fine_tuned: scores of a fine-tuned model on the same rows, if one was made.
    """
    template = Template(files("squeezebert.learn").joinpath("report.html").read_text("utf-8"))
    return template.substitute(
        title=escape(f"Learnt from {source}"),
        summary="".join(_summary(learnt, fine_tuned)),
        rows="".join(_comparison(learnt, fine_tuned)),
        way=escape(learnt.way),
        remarks="".join(f"<p>{escape(line)}</p>" for line in remarks(learnt)),
        labels="".join(_labels(learnt, words)),
        mixed_up="".join(_mixed_up(learnt)),
        wrong="".join(_wrong(learnt)),
        unsure="".join(_unsure(learnt)),
        advice="".join(f"<li>{escape(line)}</li>" for line in advice(learnt)),
        work=escape(
            f"{work.seconds:,.0f} seconds, {work.core_seconds:,.0f} core-seconds, "
            f"{work.joules:,.0f} joules ({work.how})"
        ),
    )


def advice(learnt: Learnt) -> list[str]:
    """What to do next."""
    evaluation = learnt.learnt.evaluation
    lines = []
    poor = sorted(
        (each for each in evaluation.per_class if each.f1 < _POOR and each.label != OUT_OF_SCOPE),
        key=lambda each: each.f1,
    )
    for each in poor[:5]:
        lines.append(
            f"Add rows of “{each.label}”: it has {each.support} scored rows, and "
            f"{each.recall:.0%} of them are found."
        )
    pairs = _confusions(learnt)
    if pairs:
        (true, found), count = pairs[0]
        lines.append(
            f"Look at “{true}” and “{found}”: {count} rows of the first were taken for the second. "
            "Are the labels right, and do they mean different things?"
        )
    if learnt.count < 200 and not poor:
        lines.append("It does well on few rows. Score it on new ones before you rely on it.")
    if not lines:
        lines.append(
            "Nothing stands out. Score it on rows that it hasn't seen: squeezebert evaluate."
        )
    return lines


def _summary(learnt: Learnt, fine_tuned: Evaluation | None) -> Iterator[str]:
    metric, rows = rows_of(learnt, fine_tuned)
    best = max(rows[2:], key=lambda row: row.score)
    name = escape(_NAMES.get(metric, metric))
    yield (
        f"<p class='figure'><strong>{_shown(best.score)}</strong> <span>{name}</span></p>"
        f"<p>{learnt.count:,} rows, {len(learnt.spec.labels)} "
        f"{'labels' if learnt.spec.problem_type != 'regression' else 'value'}. "
    )
    if fine_tuned is not None:
        yield f"What was {best.name} is kept. "
    if learnt.knows_something or best is not rows[2]:
        yield f"{rows[0].name.capitalize()}: {_shown(rows[0].score)}.</p>"
    else:
        yield f"<b>No better than {rows[0].name}: nothing was learnt.</b></p>"


def _comparison(learnt: Learnt, fine_tuned: Evaluation | None) -> Iterator[str]:
    metric, rows = rows_of(learnt, fine_tuned)
    yield f"<tr><th>way to answer</th><th>{escape(_NAMES.get(metric, metric))}</th><th></th></tr>"
    for row in rows:
        shown = _shown(row.score)
        if row.interval is not None:
            shown += f" <small>{_shown(row.interval[0])} to {_shown(row.interval[1])}</small>"
        yield f"<tr><td>{escape(row.name)}</td><td class='number'>{shown}</td>"
        yield f"<td>{_bar(row)}</td></tr>"


def _bar(row: Row) -> str:
    width = 200
    score = max(0.0, min(1.0, row.score)) * width
    whisker = ""
    if row.interval is not None:
        low, high = (max(0.0, min(1.0, each)) * width for each in row.interval)
        whisker = (
            f"<path class='whisker' d='M{low:.1f} 8H{high:.1f}M{low:.1f} 4v8M{high:.1f} 4v8'/>"
        )
    return (
        f"<svg width='{width}' height='16' role='img' aria-label='{_shown(row.score)}'>"
        f"<rect class='track' width='{width}' height='16' rx='3'/>"
        f"<rect class='bar' width='{score:.1f}' height='16' rx='3'/>{whisker}</svg>"
    )


def _labels(learnt: Learnt, words: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if not learnt.learnt.evaluation.per_class:
        return
    yield "<h2>Labels</h2><div class='wide'><table><tr><th>label</th><th>rows</th>"
    yield "<th>found</th><th>right when given</th><th>recognised by</th></tr>"
    for each in learnt.learnt.evaluation.per_class:
        spoken = ", ".join(f"<q>{escape(word)}</q>" for word in words.get(each.label, ()))
        yield (
            f"<tr><td>{escape(each.label)}</td><td class='number'>{each.support:,}</td>"
            f"<td class='number'>{each.recall:.0%}</td><td class='number'>{each.precision:.0%}</td>"
            f"<td class='words'>{spoken}</td></tr>"
        )
    yield "</table></div>"


def _mixed_up(learnt: Learnt) -> Iterator[str]:
    pairs = _confusions(learnt)
    if not pairs:
        return
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row, answer, true in _answered(learnt):
        if answer.label != true:
            texts[true, answer.label].append(row.shown)
    yield "<h2>Labels that are mixed up</h2>"
    for (true, found), count in pairs[:_MIXED_UP]:
        yield (
            f"<h3>{escape(true)} <span class='as'>taken for</span> {escape(found)} "
            f"<small>{count} of {sum(1 for *_, each in _answered(learnt) if each == true)} rows"
            "</small></h3><ul>"
        )
        yield from _items(texts[true, found][:_EXAMPLES])
        yield "</ul>"


def _wrong(learnt: Learnt) -> Iterator[str]:
    wrong = [
        (answer.score, row, true, answer)
        for row, answer, true in _answered(learnt)
        if answer.label != true
    ]
    if not wrong:
        return
    wrong.sort(key=lambda each: -each[0])
    yield "<h2>Wrong, and sure of it</h2><p>A label in the data may be wrong here.</p>"
    yield from _answers((row, true, answer) for _, row, true, answer in wrong[:_LISTED])


def _unsure(learnt: Learnt) -> Iterator[str]:
    answered = sorted(_answered(learnt), key=lambda each: each[1].score)
    if not answered:
        return
    yield "<h2>Least sure</h2>"
    yield from _answers((row, true, answer) for row, answer, true in answered[:_LISTED])


def _answers(
    answers: Iterable[tuple[LabelledText, str, Classification]],
) -> Iterator[str]:
    yield "<div class='wide'><table><tr><th>text</th><th>label</th><th>answer</th>"
    yield "<th>sure</th></tr>"
    for row, true, answer in answers:
        yield (
            f"<tr><td class='text'>{escape(_cut(row.shown))}</td><td>{escape(true)}</td>"
            f"<td>{escape(answer.label)}</td><td class='number'>{answer.score:.0%}</td></tr>"
        )
    yield "</table></div>"


def _items(texts: Sequence[str]) -> Iterator[str]:
    return (f"<li>{escape(_cut(text))}</li>" for text in texts)


def _answered(learnt: Learnt) -> Iterator[tuple[LabelledText, Classification, str]]:
    """Rows held out with answer and right label, of classes that exclude each other."""
    if learnt.spec.problem_type == "single_label_classification":
        for row, answer in zip(learnt.rows, learnt.learnt.answers, strict=True):
            yield row, answer, row.label


def _confusions(learnt: Learnt) -> list[tuple[tuple[str, str], int]]:
    """Right and given label of wrong answers, the most frequent first."""
    return Counter(
        (true, answer.label) for _, answer, true in _answered(learnt) if answer.label != true
    ).most_common()


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def _shown(score: float) -> str:
    return f"{100 * score:.1f}"
