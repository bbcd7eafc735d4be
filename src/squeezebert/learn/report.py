"""The report of a learning: one page of HTML for whoever owns the data."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from string import Template

from squeezebert.data.tasks.classification import LabelledText, Table
from squeezebert.evaluation import Evaluation
from squeezebert.files import replacing_file
from squeezebert.learn.learning import Learnt
from squeezebert.learn.remarks import (
    MEANINGS,
    advice,
    answered,
    confusions,
    likely_reason,
    remarks,
)
from squeezebert.learn.telling import telling_words
from squeezebert.learn.work import Work
from squeezebert.pipelines import Classification

_MIXED_UP = 12
_EXAMPLES = 3
_LISTED = 20
_PARTS = 5  # of the rows by their values
_NAMES = {
    "accuracy": "answers that are right",
    "accuracy_in_scope": "answers in scope that are right",
    "out_of_scope_recall": "texts out of scope that are refused",
    "macro_f1": "F1, mean over labels",
    "micro_f1": "F1, all labels together",
    "pearson": "correlation of answers and values",
    "spearman": "correlation of their order",
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
    if _knows_something(learnt, fine_tuned):
        next_steps = advice(learnt)
    else:
        next_steps = [likely_reason(learnt), "Don't use its answers: they are as good as guesses."]
    template = Template(files("squeezebert.learn").joinpath("report.html").read_text("utf-8"))
    return template.substitute(
        title=escape(f"Learnt from {source}"),
        summary="".join(_summary(learnt, fine_tuned)),
        rows="".join(_comparison(learnt, fine_tuned)),
        meaning=escape(MEANINGS.get(learnt.baseline.metric, "")),
        way=escape(learnt.way),
        remarks="".join(f"<p>{escape(line)}</p>" for line in remarks(learnt)),
        labels="".join(_labels(learnt, words)),
        values="".join(_values(learnt)),
        mixed_up="".join(_mixed_up(learnt)),
        wrong="".join(_wrong(learnt)),
        unsure="".join(_unsure(learnt)),
        advice="".join(f"<li>{escape(line)}</li>" for line in next_steps),
        work=escape(
            f"{work.seconds:,.0f} seconds, {work.core_seconds:,.0f} core-seconds, "
            f"{work.joules:,.0f} joules ({work.how})"
        ),
    )


def _summary(learnt: Learnt, fine_tuned: Evaluation | None) -> Iterator[str]:
    metric, rows = rows_of(learnt, fine_tuned)
    best = max(rows[2:], key=lambda row: row.score)
    name = escape(_NAMES.get(metric, metric))
    is_value = learnt.spec.problem_type == "regression"
    what = "a value for each" if is_value else f"{len(learnt.spec.labels)} labels"
    yield (
        f"<p class='figure'><strong>{_shown(best.score)}</strong> <span>{name}</span></p>"
        f"<p>{learnt.count:,} rows, {what}. "
    )
    if fine_tuned is not None:
        yield f"What was {best.name} is kept. "
    if _knows_something(learnt, fine_tuned):
        yield f"{rows[0].name.capitalize()}: {_shown(rows[0].score)}.</p>"
    else:
        yield f"<b>No better than {rows[0].name}: nothing was learnt.</b></p>"


def _knows_something(learnt: Learnt, fine_tuned: Evaluation | None) -> bool:
    """Whether what is kept does: what was fine-tuned, where it is better."""
    _, rows = rows_of(learnt, fine_tuned)
    return learnt.knows_something or max(rows[2:], key=lambda row: row.score) is not rows[2]


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
    yield "<th>found</th><th>right when given</th>"
    yield f"{'<th>recognised by</th>' if any(words.values()) else ''}</tr>"
    for each in learnt.learnt.evaluation.per_class:
        spoken = ", ".join(f"<q>{escape(word)}</q>" for word in words.get(each.label, ()))
        yield (
            f"<tr><td>{escape(each.label)}</td><td class='number'>{each.support:,}</td>"
            f"<td class='number'>{each.recall:.0%}</td><td class='number'>{each.precision:.0%}</td>"
            f"{f'<td class=words>{spoken}</td>' if any(words.values()) else ''}</tr>"
        )
    yield "</table></div>"


def _values(learnt: Learnt) -> Iterator[str]:
    """How far values are off: on the whole, by their size, and the rows where it is most."""
    if learnt.spec.problem_type != "regression":
        return
    rows = sorted(
        (
            (float(row.label), answer.score, row.shown)
            for row, answer in zip(learnt.rows, learnt.learnt.answers, strict=True)
        ),
        key=lambda each: each[0],
    )
    off = sorted(abs(true - found) for true, found, _ in rows)
    yield (
        "<h2>How far answers are off</h2>"
        f"<p>Half of them by {off[len(off) // 2]:.3g} or less, nine in ten by "
        f"{off[len(off) * 9 // 10]:.3g} or less. The values go from {rows[0][0]:.3g} to "
        f"{rows[-1][0]:.3g}.</p><div class='wide'><table><tr><th>value</th><th>rows</th>"
        "<th>answer, on average</th><th>off by, on average</th></tr>"
    )
    parts = min(_PARTS, len(rows))
    for part in range(parts):
        some = rows[len(rows) * part // parts : len(rows) * (part + 1) // parts]
        answer = fmean(found for _, found, _ in some)
        error = fmean(abs(true - found) for true, found, _ in some)
        yield (
            f"<tr><td>{some[0][0]:.3g} to {some[-1][0]:.3g}</td>"
            f"<td class='number'>{len(some):,}</td><td class='number'>{answer:.3g}</td>"
            f"<td class='number'>{error:.3g}</td></tr>"
        )
    yield (
        "</table></div><h2>Furthest off</h2><p>A value in the data may be wrong here.</p>"
        "<div class='wide'><table><tr><th>text</th><th>value</th><th>answer</th></tr>"
    )
    for true, found, text in sorted(rows, key=lambda each: -abs(each[0] - each[1]))[:_LISTED]:
        yield (
            f"<tr><td class='text'>{escape(_cut(text))}</td>"
            f"<td class='number'>{true:.3g}</td><td class='number'>{found:.3g}</td></tr>"
        )
    yield "</table></div>"


def _mixed_up(learnt: Learnt) -> Iterator[str]:
    pairs = confusions(learnt)
    if not pairs:
        return
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row, answer, true in answered(learnt):
        if answer.label != true:
            texts[true, answer.label].append(row.shown)
    yield "<h2>Labels that are mixed up</h2>"
    for (true, found), count in pairs[:_MIXED_UP]:
        yield (
            f"<h3>{escape(true)} <span class='as'>taken for</span> {escape(found)} "
            f"<small>{count} of {sum(1 for *_, each in answered(learnt) if each == true)} rows"
            "</small></h3><ul>"
        )
        yield from _items(texts[true, found][:_EXAMPLES])
        yield "</ul>"


def _wrong(learnt: Learnt) -> Iterator[str]:
    wrong = [
        (answer.score, row, true, answer)
        for row, answer, true in answered(learnt)
        if answer.label != true
    ]
    if not wrong:
        return
    wrong.sort(key=lambda each: -each[0])
    yield "<h2>Wrong, and sure of it</h2><p>A label in the data may be wrong here.</p>"
    yield from _answers((row, true, answer) for _, row, true, answer in wrong[:_LISTED])


def _unsure(learnt: Learnt) -> Iterator[str]:
    rows = sorted(answered(learnt), key=lambda each: each[1].score)
    if not rows:
        return
    yield "<h2>Least sure</h2>"
    yield from _answers((row, true, answer) for row, answer, true in rows[:_LISTED])


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


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def _shown(score: float) -> str:
    return f"{100 * score:.1f}"
