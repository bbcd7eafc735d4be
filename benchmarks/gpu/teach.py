"""Teachers for the English tasks, and what they say of training texts and of more texts."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from benchmarks.gpu.augment import Vocabulary, closed, edited, replaced, untagged, vocabulary
from benchmarks.gpu.device import DEVICE, LOW
from benchmarks.gpu.encoder import Parameters, Shape
from benchmarks.gpu.fit import Settings, Training, fit
from benchmarks.gpu.objectives import Kind, Task, not_padding, outputs_and_states, vectors_compared
from benchmarks.gpu.rows import TEXT, UNLABELLED, Rows, count, head, joined, only, starts, take
from benchmarks.gpu.scores import TOKENS_AT_ONCE, Dev, predict
from benchmarks.gpu.store import Array, Arrays, Work

CONLL_TAGS = ("O", "B-LOC", "I-LOC", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER")
BC5CDR_TAGS = ("O", "B-Chemical", "I-Chemical", "B-Disease", "I-Disease")
TASKS = {
    task.name: task
    for task in (
        Task("sst2", Kind.CLASS, "accuracy", 2),
        Task("cola", Kind.CLASS, "mcc", 2),
        Task("mrpc", Kind.CLASS, "f1", 2),
        Task("rte", Kind.CLASS, "accuracy", 2),
        Task("qnli", Kind.CLASS, "accuracy", 2),
        Task("nli", Kind.CLASS, "accuracy", 3),
        Task("clinc", Kind.CLASS, "accuracy", 150),
        Task("stsb", Kind.NUMBER, "pearson", 1),
        Task("conll", Kind.TAGS, "f1", 9, CONLL_TAGS),
        Task("bc5cdr", Kind.TAGS, "f1", 5, BC5CDR_TAGS),
        Task("squad", Kind.SPAN, "f1", 2),
        Task("embed", Kind.VECTOR, "spearman"),
    )
}
LEARNT = {
    "cola": Settings(4, 3e-5, 32),
    "sst2": Settings(2, 4e-5, 64),
    "mrpc": Settings(5, 3e-5, 32),
    "stsb": Settings(5, 4e-5, 32),
    "nli": Settings(3, 3e-5, 48),
    "rte": Settings(8, 2e-5, 32),
    "conll": Settings(4, 6e-5, 48),
    "bc5cdr": Settings(5, 5e-5, 32),
    "clinc": Settings(8, 8e-5, 64),
    "squad": Settings(1.6, 4e-5, 48, evaluations=2),
    "qnli": Settings(1, 3e-5, 48, evaluations=2),
}
AVERAGED, DROPOUT = 0.99, 0.1
AFTER = {"rte": "nli", "qnli": "squad"}
"""Which task's teacher a teacher goes on from."""
SENTENCES = ("pool.wiki", "pool.news", "pool.novels", "pool.short", "pool.questions", "sst2.train")
"""What sentence vectors are told of."""
FITS_NOTHING = {"wiki": 8000, "news": 5000, "novels": 8000}
"""Sentences beside the intents, whose classes are all alike."""
GRAMMAR_SENTENCES, QNLI_PAIRS = 60_000, 15_000


def tells_states(name: str) -> bool:
    """Whether a task's teacher tells its states too: of answers in long texts it would be many."""
    return TASKS[name].kind != Kind.SPAN and name != "clinc"  # what fits no intent is told none


def told_by(parameters: Parameters, shape: Shape, task: Task, data: Arrays) -> Array:
    """A teacher's outputs in float16: by text, or by token for tags and spans."""
    low = {name: value.to(DEVICE, LOW) for name, value in parameters.items()}
    found = predict(low, shape, task, data, tokens=131_072)
    by_token = task.kind in (Kind.TAGS, Kind.SPAN)
    return (np.concatenate(found) if by_token else np.stack(found)).astype(np.float16)


def told_with_states(
    parameters: Parameters, shape: Shape, task: Task, data: Arrays
) -> tuple[Array, Array]:
    """A teacher's outputs, and its states that are `compared`, by text or token, in float16."""
    low = {name: value.to(DEVICE, LOW) for name, value in parameters.items()}
    by_token, first = task.kind == Kind.TAGS, starts(data)
    size = len(data["ids"]) if by_token else count(data)
    told = np.empty((size, task.outputs or shape.width), np.float16)
    states = np.empty((size, vectors_compared(task), shape.width), np.float16)
    with torch.no_grad():
        for batch in Rows(data).parts(TOKENS_AT_ONCE):
            rows, found = batch["row"].cpu().numpy(), outputs_and_states(low, shape, task, batch)
            if by_token:
                inside = not_padding(batch["ids"], batch["lengths"])
                places = first[rows][:, None] + np.arange(inside.shape[1])
                rows = places[inside.cpu().numpy()]
                found = found[0][inside], found[1][inside]
            told[rows], states[rows] = (each.to("cpu", torch.float16).numpy() for each in found)
    return told, states


def teach(work: Work, name: str, teacher: str = "mpnet") -> None:
    """Fine-tunes a teacher for a task, and keeps what it says of that task's texts and of more.

    Raises:
        InputError: Something is missing that an earlier step makes.
    """
    parameters, shape = work.encoder(teacher, "weights")
    words = vocabulary(work.data("vocabulary"), parameters)
    if name in AFTER:
        started, _ = work.encoder(f"{teacher}.{AFTER[name]}", f"teach {AFTER[name]}")
        parameters |= {key: started[key] for key in parameters}
    own = work.data(f"{name}.train")
    if name == "squad":
        own = joined(own, work.data("squad.misleading"))
    learnt = take(own, np.nonzero(own["label"] >= 0)[0]) if name == "clinc" else own
    task = TASKS[name]
    training = Training(replace(task, dropout=DROPOUT), learnt, Dev(work.data(f"{name}.dev")))
    settings = replace(LEARNT[name], averaged=AVERAGED)
    parameters = fit(parameters, shape, [training], settings, work.made(f"{teacher}.{name}"))
    more = _MORE.get(task.kind, _nothing)(work, name, own, words)
    text = only(more, TEXT)
    if name == "clinc":
        more, told = _without_class(work, own, more, told_by(parameters, shape, task, text), words)
    elif tells_states(name):
        told, states = told_with_states(parameters, shape, task, text)
        work.save(f"{name}.told_states", {"told_states": states})
    else:
        told = told_by(parameters, shape, task, text)
    work.save(f"{name}.told", {**more, "told": told})


def tell_vectors(work: Work, teacher: str = "minilm", relations: str = "mpnet") -> None:
    """Keeps one teacher's vectors and states of sentences, and another's for their relations.

    Args:
        teacher: As wide as the students.
    """
    data = joined(*(only(work.data(name), TEXT) for name in SENTENCES))
    task = TASKS["embed"]
    told, states = told_with_states(*work.encoder(teacher, "weights"), task, data)
    other = told
    if relations != teacher:
        other = told_by(*work.encoder(relations, "weights"), task, data)
    work.save("embed.told_states", {"told_states": states})
    work.save("embed.told", {**data, "told": told, "told_more": other})


def _more_tags(work: Work, name: str, own: Arrays, words: Vocabulary) -> Arrays:
    pool = untagged(work.data("pool.news" if name == "conll" else "pool.medical"), words)
    return joined(own, replaced(own, words, 2, 0.4, seed=1), pool)


def _more_texts(work: Work, name: str, own: Arrays, words: Vocabulary) -> Arrays:
    """The task's own texts with their labels, then others without."""
    target = "number" if TASKS[name].kind == Kind.NUMBER else "label"
    more = _unlabelled_texts(work, name, only(own, TEXT), words)
    nothing = np.nan if target == "number" else UNLABELLED
    unlabelled = np.full(count(more), nothing, own[target].dtype)
    return joined({**only(own, TEXT), target: own[target]}, {**more, target: unlabelled})


def _unlabelled_texts(work: Work, name: str, own: Arrays, words: Vocabulary) -> Arrays:
    if name == "qnli":
        return head(own, 0)
    if name == "sst2":
        return replaced(own, words, 3, 0.4, seed=1)
    if name == "clinc":
        put = replaced(own, words, 6, 0.3, seed=1)
        return joined(put, closed(joined(own, put), words, seed=2))
    if name == "cola":
        short = head(work.data("pool.short"), GRAMMAR_SENTENCES)
        return joined(
            replaced(own, words, 4, 0.4, seed=1),
            edited(own, words, 14, seed=2),
            short,
            edited(short, words, 2, seed=3),
        )
    others = [only(work.data(f"{other}.train"), TEXT) for other in ("mrpc", "rte", "stsb", "nli")]
    pairs = joined(*others, only(head(work.data("qnli.train"), QNLI_PAIRS), TEXT))
    copies = {"nli": 4, "stsb": 10}.get(name, 16)
    return joined(
        replaced(own, words, copies, 0.4, seed=1), pairs, replaced(pairs, words, 1, 0.3, seed=2)
    )


def _without_class(
    work: Work, own: Arrays, more: Arrays, told: Array, words: Vocabulary
) -> tuple[Arrays, Array]:
    """Texts that fit no intent, and their copies, and others: all classes are alike."""
    copies = count(more) // count(own)
    told[np.tile(own["label"] < 0, copies)] = 0
    parts = [head(work.data(f"pool.{pool}"), rows) for pool, rows in FITS_NOTHING.items()]
    others = joined(*parts)
    others = joined(others, closed(others, words, seed=3))
    label = np.full(count(others), UNLABELLED, more["label"].dtype)
    flat = np.zeros((count(others), told.shape[1]), told.dtype)
    return joined(more, {**others, "label": label}), np.concatenate([told, flat])


def _nothing(work: Work, name: str, own: Arrays, words: Vocabulary) -> Arrays:
    return own


_MORE: dict[Kind, Callable[[Work, str, Arrays, Vocabulary], Arrays]] = {
    Kind.CLASS: _more_texts,
    Kind.NUMBER: _more_texts,
    Kind.TAGS: _more_tags,
}
