"""Words of a text that a tokenizer breaks into many pieces, as pieces of their own.

A new piece starts as the mean of the pieces that it takes the place of.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from squeezebert.errors import InputError
from squeezebert.model import SqueezeBertModel
from squeezebert.pipelines.words.splitting import split_words
from squeezebert.vocabulary import unknown_piece

_TIMES = 3  # that reading is timed
_SEEN = 3  # times at least, to be worth a row of the table
_MARGIN = 1e-3  # of a Unigram score above that of the pieces together
_SPELLED = 0.5  # of a text's words: more of them letter by letter, and pieces say nothing


@dataclass(frozen=True)
class Growth:
    """What became of a vocabulary.

    Attributes:
        tokenizer: With the new words.
        new: For each new id, the ids of the pieces that it stands for.
        pieces_a_word: Of the text, before and after.
    """

    tokenizer: Tokenizer
    new: dict[int, list[int]]
    pieces_a_word: tuple[float, float]


def grow(tokenizer: Tokenizer, lines: Iterable[str], wanted: int) -> Growth:
    """Adds the words that save most pieces: those that are frequent and much broken.

    Args:
        tokenizer: Of WordPiece or Unigram; it stays as it is.
        wanted: How many words to add at most.

    Raises:
        InputError: It is of another kind, or knows little more of the text's script than letters,
            or there is nothing to add.
    """
    parts: dict[str, Any] = json.loads(tokenizer.to_str())
    kind = parts["model"]["type"]
    if kind not in ("WordPiece", "Unigram"):
        raise InputError(f"Words are added to WordPiece and Unigram, and the tokenizer is {kind}.")
    counts = _words(lines)
    if not counts:
        raise InputError("The text holds no words.")
    words = list(counts)
    before = [one.ids for one in tokenizer.encode_batch(words, add_special_tokens=False)]
    _check_script(tokenizer, counts, before)
    forms: dict[str, tuple[int, list[int]]] = {}
    mark = unknown_piece(tokenizer)
    unknown = None if mark is None else tokenizer.token_to_id(mark)
    vocabulary = tokenizer.get_vocab()
    for word, ids in zip(words, before, strict=True):
        form = _as_piece(tokenizer, word, kind)
        if len(ids) > 1 and unknown not in ids and form is not None and form not in vocabulary:
            seen, _ = forms.get(form, (0, ids))
            forms[form] = seen + counts[word], ids
    ranked = sorted(
        ((seen * (len(ids) - 1), form) for form, (seen, ids) in forms.items() if seen >= _SEEN),
        key=lambda entry: (-entry[0], entry[1]),
    )
    added = [form for _, form in ranked[:wanted]]
    if not added:
        raise InputError("No word of the text is frequent and broken into pieces; grow by none.")
    first = max(vocabulary.values()) + 1
    new = {first + index: forms[form][1] for index, form in enumerate(added)}
    model = parts["model"]
    if kind == "WordPiece":
        model["vocab"] |= {form: first + index for index, form in enumerate(added)}
    else:
        model["vocab"] = _grown_scores(tokenizer, model["vocab"], first, [
            (form, forms[form]) for form in added
        ], counts.total())  # fmt: skip
    grown = Tokenizer.from_str(json.dumps(parts))
    after = [one.ids for one in grown.encode_batch(words, add_special_tokens=False)]

    def a_word(encoded: Sequence[Sequence[int]]) -> float:
        pieces = sum(counts[w] * len(ids) for w, ids in zip(words, encoded, strict=True))
        return pieces / counts.total()

    return Growth(grown, new, (a_word(before), a_word(after)))


def grown_state(state: dict[str, Tensor], rows: int, new: dict[int, list[int]]) -> int:
    """Puts the new words into every table and bias of words, in place.

    Args:
        state: Weights by name.
        rows: Of the tables.
        new: As `Growth` has it.

    Returns:
        The rows that the tables have then.
    """
    more = max(new) + 1 - rows
    for name, tensor in state.items():
        of_words = name.endswith("word_embeddings.weight") or ".predictions." in name
        if not of_words or tensor.shape[:1] != (rows,):
            continue
        grown = torch.cat([tensor, tensor.new_zeros(max(0, more), *tensor.shape[1:])])
        for index, pieces in new.items():
            grown[index] = tensor[pieces].float().mean(0)
        state[name] = grown
    return rows + max(0, more)


def words_a_second(
    readers: Sequence[tuple[SqueezeBertModel, Tokenizer]], lines: Sequence[str], length: int
) -> list[float]:
    """How many words of some lines each encoder reads in a second, the best of a few times.

    Args:
        readers: Encoders, each with its tokenizer; they take turns.
        lines: Text, of which each reads as much as full sequences take.
        length: Of a sequence in tokens.
    """
    words = _words(lines).total()
    batches, shares = [], []
    for _, tokenizer in readers:
        ids = [index for one in tokenizer.encode_batch(lines) for index in one.ids]
        rows = max(1, len(ids) // length)
        seen = ids[: rows * length]
        batches.append(torch.tensor(seen).view(rows, -1))
        shares.append(len(seen) / len(ids))
    best = [float("inf")] * len(readers)
    for _ in range(_TIMES):
        for place, ((encoder, _), batch) in enumerate(zip(readers, batches, strict=True)):
            start = time.perf_counter()
            with torch.inference_mode():
                encoder(input_ids=batch)
            best[place] = min(best[place], time.perf_counter() - start)
    return [words * share / seconds for share, seconds in zip(shares, best, strict=True)]


def _words(lines: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(line[start:end] for start, end in split_words(line))
    return counts


def _check_script(tokenizer: Tokenizer, counts: Counter[str], encoded: list[list[int]]) -> None:
    """Raises InputError where the tokenizer spells most of the text letter by letter."""
    mark = unknown_piece(tokenizer)
    unknown = None if mark is None else tokenizer.token_to_id(mark)
    spelled = long = 0
    for (word, count), ids in zip(counts.items(), encoded, strict=True):
        if len(word) > 2:
            long += count
            spelled += count * (unknown in ids or len(ids) >= len(word))
    if long and spelled / long > _SPELLED:
        raise InputError(
            f"The tokenizer doesn't know {spelled / long:.0%} of the text's words, or spells them "
            "letter by letter, so their pieces say nothing about them. Start from a checkpoint "
            "that knows the script."
        )


def _as_piece(tokenizer: Tokenizer, word: str, kind: str) -> str | None:
    """How the vocabulary would spell a word; None where it isn't one for the tokenizer."""
    form = word if tokenizer.normalizer is None else tokenizer.normalizer.normalize_str(word)
    if tokenizer.pre_tokenizer is not None:
        parts = tokenizer.pre_tokenizer.pre_tokenize_str(form)
        if len(parts) != 1:
            return None
        form = parts[0][0]
    return form if kind == "WordPiece" or form.startswith("▁") else None


def _grown_scores(
    tokenizer: Tokenizer,
    vocabulary: list[tuple[str, float]],
    first: int,
    added: Sequence[tuple[str, tuple[int, list[int]]]],
    total: int,
) -> list[tuple[str, float]]:
    """The pieces of a Unigram model by id, with their scores; ids below ``first`` stay."""
    scores = [score for _, score in vocabulary]
    # Added tokens may stand behind the model's own; no text is split into these here.
    grown = [(piece, score) for piece, score in vocabulary]
    lowest = min(scores)
    grown += [(str(tokenizer.id_to_token(index)), lowest) for index in range(len(grown), first)]
    for form, (seen, ids) in added:
        together = sum(scores[index] for index in ids)
        grown.append((form, max(together + _MARGIN, float(torch.tensor(seen / total).log()))))
    return grown
