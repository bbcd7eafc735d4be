"""More texts for a teacher to answer: copies with words replaced, and with tokens edited."""

from dataclasses import dataclass

import numpy as np
import torch
from benchmarks.gpu.device import DEVICE
from benchmarks.gpu.encoder import Parameters
from benchmarks.gpu.rows import NOT_LEARNT, TEXT, UNLABELLED, count, joined, only, starts
from benchmarks.gpu.store import Array, Arrays
from torch.nn import functional as F

NEAR = 15
"""How many words may take the place of one."""
ORDINARY = 1000
"""From this id on, BERT's vocabulary has whole words; before come marks and characters."""
COMMON = 200


@dataclass(frozen=True)
class Vocabulary:
    """What the pieces of a WordPiece tokenizer are.

    Attributes:
        word: Whether a piece is letters, more than one, [vocabulary].
        continues: Whether it continues a word.
        near: The pieces nearest to it in the teacher's embeddings, words all, [vocabulary, 15].
        special: Ids of padding and of the marks around a text.
        closing: Ids of the marks that end a sentence.
    """

    word: Array
    continues: Array
    near: Array
    special: tuple[int, ...]
    closing: tuple[int, ...]


def vocabulary(arrays: Arrays, teacher: Parameters) -> Vocabulary:
    """The vocabulary that `prepare` wrote, with neighbours by a teacher's embeddings."""
    words = F.normalize(teacher["words"], dim=-1).to(DEVICE)
    is_word = torch.from_numpy(arrays["word"]).to(DEVICE)
    found = []
    for some in words.split(2048):
        likeness = some @ words.T
        likeness[:, ~is_word] = -1
        found.append(likeness.topk(NEAR + 1).indices[:, 1:].cpu().numpy())
    special, closing = (tuple(arrays[name].tolist()) for name in ("special", "closing"))
    near = np.concatenate(found)
    return Vocabulary(arrays["word"], arrays["continues"], near, special, closing)


def replaced(data: Arrays, words: Vocabulary, copies: int, share: float, seed: int) -> Arrays:
    """Copies with whole words replaced: in each text from 5% to ``share`` of them.

    Where words have tags, only those outside of entities are.
    """
    random = np.random.default_rng(seed)
    ids = data["ids"].astype(np.int64)
    may = words.word[ids] & ~words.continues[np.concatenate([ids[1:], [0]])]
    if "tag" in data:
        may &= data["tag"] <= 0
    row = np.repeat(np.arange(count(data)), data["lengths"].astype(np.int64))
    parts = []
    for _ in range(copies):
        chance = random.uniform(0.05, share, count(data))[row]
        hit = may & (random.random(len(ids)) < chance)
        new = ids.copy()
        new[hit] = words.near[ids[hit], random.integers(0, NEAR, hit.sum())]
        parts.append({**data, "ids": new.astype(data["ids"].dtype)})
    return joined(*parts)


def edited(data: Arrays, words: Vocabulary, copies: int, seed: int) -> Arrays:
    """Copies of single texts with an edit of a token, sometimes two, as broken grammar has."""
    random = np.random.default_rng(seed)
    often = np.bincount(data["ids"].astype(np.int64), minlength=len(words.word))
    often[:ORDINARY] = 0
    common = np.argsort(-often)[:COMMON]
    first = starts(data)
    ids: list[int] = []
    lengths = []
    for _ in range(copies):
        for row in range(count(data)):
            text = data["ids"][first[row] : first[row + 1]].tolist()
            body = text[1:-1]
            if len(body) < 3:
                continue
            for _ in range(1 + (random.random() < 0.3)):
                _edit(body, words, common, random)
            ids += [text[0], *body, text[-1]]
            lengths.append(len(body) + 2)
    found = np.array(lengths, data["lengths"].dtype)
    return {
        "ids": np.array(ids, data["ids"].dtype),
        "lengths": found,
        "second": np.zeros_like(found),
    }


def closed(data: Arrays, words: Vocabulary, seed: int) -> Arrays:
    """Single texts without their closing mark, if they have one, and else with one.

    Where the texts of one class have marks and those of another have none, a student learns the
    marks.
    """
    random = np.random.default_rng(seed)
    first = starts(data)
    parts, lengths = [], []
    for row in range(count(data)):
        body, end = np.split(data["ids"][first[row] : first[row + 1]], [-1])
        if len(body) > 2 and body[-1] in words.closing:
            body = body[:-1]
        else:
            body = np.append(body, random.choice(words.closing)).astype(body.dtype)
        parts += [body, end]
        lengths.append(len(body) + 1)
    found = {**data, "ids": np.concatenate(parts)}
    return found | {"lengths": np.array(lengths, data["lengths"].dtype)}


def _edit(body: list[int], words: Vocabulary, common: Array, random: np.random.Generator) -> None:
    kind, place = int(random.integers(0, 6)), int(random.integers(0, len(body) - 1))
    if kind == 0:
        body[place], body[place + 1] = body[place + 1], body[place]
    elif kind == 1 and len(body) > 3:
        del body[place]
    elif kind == 2:
        body.insert(place, int(random.choice(common)))
    elif kind == 3:
        body.insert(int(random.integers(0, len(body))), body.pop(place))
    elif kind == 4:
        if words.word[body[place]]:
            body[place] = int(words.near[body[place], random.integers(0, NEAR)])
    else:
        body[place] = int(random.choice(common))


def untagged(data: Arrays, words: Vocabulary) -> Arrays:
    """Texts with the first pieces of their words marked, for a teacher to tag."""
    ids = data["ids"].astype(np.int64)
    passed = np.isin(ids, words.special) | words.continues[ids]
    tag = np.where(passed, NOT_LEARNT, UNLABELLED).astype(np.int8)
    return {**only(data, TEXT), "tag": tag}
