"""What frozen features are worth, in half a minute: similarity, and ridge regression on them."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn import functional as F

Encode = Callable[[Tensor, Tensor], Tensor]
"""Ids and mask [B, S] to the last hidden states [B, S, C]."""

Sentence = tuple[list[str], list[str]]
"""Words, and for each the type of its entity, ``O`` outside."""

PHRASES = 4000
BATCH = 64


class Scores:
    """Scores encoders that share a tokenizer.

    - ``stsb_spearman``: Spearman's correlation of the cosine of mean-pooled sentences with the
      similarity that people see, STS-B dev, in percent;
    - ``sst2_probe_accuracy``: of ridge regression on mean-pooled phrases of SST-2's training set,
      4,000 to fit and 4,000 to score, in percent;
    - ``conll_probe_f1``: F1 over words inside entities of ridge regression on each word's first
      piece, CoNLL-2003, 2,000 sentences of train and 1,000 of testa, in percent.

    Args:
        data: Folder with ``glue/STS-B``, ``glue/SST-2`` and ``conll2003``.
    """

    def __init__(self, tokenizer: Tokenizer, data: Path) -> None:
        self.tokenizer = tokenizer
        pairs = _rows(data / "glue/STS-B/dev.tsv")
        self.sides = [[row[side] for row in pairs] for side in ("sentence1", "sentence2")]
        self.similarity = [float(row["score"]) for row in pairs]
        phrases = _rows(data / "glue/SST-2/train.tsv")
        chosen = np.random.default_rng(0).permutation(len(phrases))[: 2 * PHRASES]
        self.phrases = [phrases[index]["sentence"] for index in chosen]
        self.sentiment = torch.tensor([int(phrases[index]["label"]) for index in chosen])
        self.train = _tagged(data / "conll2003/eng.train")[:2000]
        self.dev = _tagged(data / "conll2003/eng.testa")[:1000]

    def __call__(self, encode: Encode) -> dict[str, float]:
        left, right = (self._sentences(encode, texts) for texts in self.sides)
        cosine = F.cosine_similarity(left, right)
        spearman = spearmanr(cosine.numpy(), self.similarity).statistic
        features, new_features = self._sentences(encode, self.phrases).split(PHRASES)
        wanted, new_wanted = self.sentiment.split(PHRASES)
        found = _ridge(features, F.one_hot(wanted), new_features).argmax(1)
        accuracy = float((found == new_wanted).float().mean())
        words, tags = self._words(encode, self.train)
        new_words, new_tags = self._words(encode, self.dev)
        kinds = sorted(set(tags))
        targets = F.one_hot(torch.tensor([kinds.index(tag) for tag in tags]))
        guessed = [kinds[index] for index in _ridge(words, targets, new_words).argmax(1)]
        hits = sum(g == t != "O" for g, t in zip(guessed, new_tags, strict=True))
        inside = sum(tag != "O" for tag in guessed + new_tags)
        return {
            "stsb_spearman": round(100 * float(spearman), 2),
            "sst2_probe_accuracy": round(100 * accuracy, 2),
            "conll_probe_f1": round(200 * hits / inside, 2),
        }

    def _sentences(self, encode: Encode, texts: list[str]) -> Tensor:
        """Mean-pooled features [texts, C]."""
        states = _hidden(encode, self.tokenizer.encode_batch(texts))
        return torch.stack([state.mean(0) for state in states])

    def _words(self, encode: Encode, sentences: list[Sentence]) -> tuple[Tensor, list[str]]:
        """Features [words, C] of each word's first piece, and the words' tags."""
        encodings = [self.tokenizer.encode(words, is_pretokenized=True) for words, _ in sentences]
        features, tags = [], []
        for encoding, states, (_, types) in zip(
            encodings, _hidden(encode, encodings), sentences, strict=True
        ):
            first: dict[int, int] = {}
            for position, word in enumerate(encoding.word_ids):
                if word is not None:
                    first.setdefault(word, position)
            features.append(states[list(first.values())])
            tags += [types[word] for word in first]
        return torch.cat(features), tags


@torch.no_grad()
def _hidden(encode: Encode, encodings: list[Encoding]) -> list[Tensor]:
    """The last hidden states [length, C] of each; like lengths share a batch."""
    by_length = sorted(range(len(encodings)), key=lambda index: len(encodings[index]))
    results = {}
    for first in range(0, len(by_length), BATCH):
        chunk = by_length[first : first + BATCH]
        shape = len(chunk), len(encodings[chunk[-1]])
        ids, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        for row, index in enumerate(chunk):
            length = len(encodings[index])
            ids[row, :length] = torch.tensor(encodings[index].ids)
            mask[row, :length] = 1
        for index, states in zip(chunk, encode(ids, mask), strict=True):
            results[index] = states[: len(encodings[index])]
    return [results[index] for index in range(len(encodings))]


def _ridge(x: Tensor, targets: Tensor, new_x: Tensor) -> Tensor:
    """Predictions for ``new_x`` from standardised features; the penalty is 1% of their variance."""
    mean, scale = x.mean(0), x.std(0) + 1e-6
    x, new_x = (x - mean) / scale, (new_x - mean) / scale
    y = targets.float()
    gram = x.T @ x + 0.01 * len(x) * torch.eye(x.shape[1])
    weight: Tensor = torch.linalg.solve(gram, x.T @ (y - y.mean(0)))
    return new_x @ weight + y.mean(0)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _tagged(file: Path) -> list[Sentence]:
    sentences = []
    for block in file.read_text(encoding="utf-8").split("\n\n"):
        lines = [line.split() for line in block.splitlines() if line.strip()]
        if lines and lines[0][0] != "-DOCSTART-" and len(lines) < 100:
            sentences.append(([f[0] for f in lines], [f[-1].split("-")[-1] for f in lines]))
    return sentences
