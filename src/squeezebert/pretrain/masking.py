"""What is hidden from the model: whole words, and whether two segments stand in order.

What is drawn depends on the seed, the step and the sequence alone. So it is the same after a stop
and in any number of processes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

from squeezebert.model.heads import IGNORED
from squeezebert.vocabulary import any_encoding, begins_words, frame

SHARE = 0.15
"""Of the tokens, as in BERT (Devlin et al. 2018, arXiv 1810.04805, section 3.1)."""

_AS_MASK, _AS_OTHER = 0.8, 0.9  # of these shares' rest, a random piece; the last tenth stays
_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f\u061f\u0964")  # of a sentence, in several scripts
_Ids = npt.NDArray[np.int64]


class Masking:
    """Turns sequences of a corpus into what the model sees and what it has to guess.

    A word is hidden with all its pieces (whole-word masking, of BERT's later release). Of the
    hidden tokens four fifths become the mask, a tenth another piece, and a tenth stay.

    Args:
        tokenizer: Of the corpus.
        mask: The piece that hides.
        seed: Of all that is drawn.
        in_pairs: Whether a sequence becomes two segments, swapped every other time (Lan et al.
            2019, "ALBERT", section 3.1). It gets longer by `extra` special tokens.

    Attributes:
        extra: Special tokens that a pair has more than a single text.
    """

    def __init__(self, tokenizer: Tokenizer, mask: str, seed: int, *, in_pairs: bool) -> None:
        pieces = {index: piece for piece, index in tokenizer.get_vocab().items()}
        size = max(pieces) + 1
        before, after = frame(tokenizer)
        added = tokenizer.get_added_tokens_decoder()
        special = {*before, *after, *(index for index, token in added.items() if token.special)}
        self._special = np.isin(np.arange(size), list(special))
        self._ordinary = np.array(sorted(pieces.keys() - special))
        begins = begins_words(tokenizer)
        shown = [pieces.get(index, "") for index in range(size)]
        self._begins = np.array([begins(piece) for piece in shown])
        self._ends = np.array([piece[-1:] in _ENDS for piece in shown])
        self._mask = tokenizer.get_vocab()[mask]
        self._seed = seed
        self._around = len(before), len(after)
        self._pair = _pair_frame(tokenizer) if in_pairs else None
        self.extra = tokenizer.num_special_tokens_to_add(True) * in_pairs
        self.extra -= tokenizer.num_special_tokens_to_add(False) * in_pairs

    def batch(self, sequences: Tensor, numbers: Sequence[int], step: int) -> dict[str, Tensor]:
        """The model's arguments.

        Args:
            sequences: Token ids [batch, length].
            numbers: Of the sequences in their corpus.
            step: Of the training.

        Returns:
            ``input_ids``, ``token_type_ids`` and ``labels``, each [batch, length + extra], and for
            pairs ``sentence_order_label`` [batch], 1 where the segments are swapped.
        """
        rows = []
        for ids, number in zip(sequences.numpy().astype(np.int64), numbers, strict=True):
            random = np.random.default_rng((self._seed, step, number))
            swapped = False
            types = np.zeros_like(ids)
            if self._pair is not None:
                swapped = bool(random.integers(2))
                ids, types = self._segments(ids, swapped)
            seen, labels = self._hidden(ids, random)
            rows.append((seen, types, labels, swapped))
        columns = [np.stack(column) for column in zip(*rows, strict=True)]
        names = ("input_ids", "token_type_ids", "labels", "sentence_order_label")
        arguments = {n: torch.from_numpy(c) for n, c in zip(names, columns, strict=True)}
        order = arguments.pop("sentence_order_label")
        return arguments | ({"sentence_order_label": order.long()} if self._pair else {})

    def _hidden(self, ids: _Ids, random: np.random.Generator) -> tuple[_Ids, _Ids]:
        """The sequence with some words hidden, and what was there; -100 elsewhere."""
        free = ~self._special[ids]
        word = np.cumsum(self._begins[ids] | ~free)
        words, sizes = np.unique(word[free], return_counts=True)
        drawn = random.permutation(len(words))
        enough = np.searchsorted(np.cumsum(sizes[drawn]), SHARE * free.sum()) + 1
        chosen = free & np.isin(word, words[drawn[:enough]])
        labels = np.where(chosen, ids, IGNORED)
        fate = random.random(len(ids))
        others = random.choice(self._ordinary, len(ids))
        seen = np.where(chosen & (fate < _AS_OTHER), others, ids)
        return np.where(chosen & (fate < _AS_MASK), self._mask, seen), labels

    def _segments(self, ids: _Ids, swapped: bool) -> tuple[_Ids, _Ids]:
        """The sequence as two segments, cut after a sentence near its middle, with their types."""
        assert self._pair is not None
        before, after = self._around
        body = ids[before : len(ids) - after]
        middle = len(body) // 2
        places = np.arange(middle // 2, len(body) - middle // 2)
        sentences = places[self._ends[body[places - 1]]]
        words = places[self._begins[body[places]]]
        near = next((found for found in (sentences, words) if len(found)), np.array([middle]))
        cut = int(near[np.abs(near - middle).argmin()])
        parts = body[:cut], body[cut:]
        if swapped:
            parts = parts[::-1]
        (start, between, end), (types, second) = self._pair
        shown = np.concatenate([start, parts[0], between, parts[1], end])
        first = len(start) + len(parts[0])
        of_between = types[len(start) : len(start) + len(between)]
        kinds = np.concatenate([
            types[: len(start)], np.zeros(first - len(start), np.int64), of_between,
            np.full(len(parts[1]), second), types[len(start) + len(between) :],
        ])  # fmt: skip
        return shown, kinds


def _pair_frame(tokenizer: Tokenizer) -> tuple[tuple[_Ids, _Ids, _Ids], tuple[_Ids, int]]:
    """Special ids before, between and after two texts; their types, and the second text's type."""
    texts = any_encoding(tokenizer), any_encoding(tokenizer)
    example = tokenizer.post_process(*texts)
    ids, types = np.array(example.ids), np.array(example.type_ids)
    special = np.array(example.special_tokens_mask) == 1
    first, second = np.split(np.flatnonzero(~special), [len(texts[0])])
    frames = ids[: first[0]], ids[first[-1] + 1 : second[0]], ids[second[-1] + 1 :]
    return frames, (types[special], int(types[second[0]]))
