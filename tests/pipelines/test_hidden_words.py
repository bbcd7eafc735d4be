"""Hidden words: one row of the vocabulary for each, whatever stands around it."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import squeezebert
from squeezebert.bundle import Architecture, Bundle, TaskSpec, combine_bundles, read_bundle
from squeezebert.bundle.architecture import WORDS
from squeezebert.bundle.quantise import quantise_table
from squeezebert.bundle.tensors import Floats, as_floats
from squeezebert.errors import BundleError, InputError
from squeezebert.pipelines import WordGuesser
from squeezebert.pipelines.heads import MaskedWordHead
from squeezebert.runtime import NumpyEngine, PackedBatch
from squeezebert.tokenizer import Tokenizer

BundleMaker = Callable[..., Path]
MASK, GOOD, FILM, PLOT = 4, 6, 8, 9  # ids of the tiny vocabulary
GUESSING = {"task": "fill-mask", "labels": (), "problem_type": None, "mask": MASK}


@pytest.fixture
def bundle(make_bundle: BundleMaker, tmp_path: Path, marked_tokenizer_json: bytes) -> Path:
    return make_bundle(tmp_path / "guess", tokenizer_json=marked_tokenizer_json, **GUESSING)


def guesser(tokenizer_json: bytes, max_length: int = 12) -> WordGuesser:
    """One that guesses what follows the hidden word, by whatever is there in the window."""

    def logits(batch: PackedBatch) -> Floats:
        masks = np.flatnonzero(batch.input_ids == MASK)
        rows: Floats = 5 * np.eye(19, dtype=np.float32)[batch.input_ids[masks + 1]]
        return rows

    spec = TaskSpec(task="fill-mask", mask=MASK, max_length=max_length)
    return WordGuesser(Tokenizer.from_json(tokenizer_json), logits, spec)


def test_every_way_to_hide_a_word_is_read(marked_tokenizer_json: bytes) -> None:
    pipeline = guesser(marked_tokenizer_json)
    text = "A [MASK] film, <mask> plot\nand [MASK]good"
    [answer] = pipeline([text])
    assert [text[one.start : one.end] for one in answer.hidden] == ["[MASK]", "<mask>", "[MASK]"]
    assert [one.guesses[0].word for one in answer.hidden] == ["film", "plot", "good"]
    assert [one.guesses[0].token for one in answer.hidden] == [FILM, PLOT, GOOD]
    assert len(answer.hidden[0].guesses) == 5
    [few] = pipeline(["A [MASK] film"], top=2)
    assert len(few.hidden[0].guesses) == 2
    assert sum(guess.score for guess in pipeline(["[MASK] film"], top=19)[0].hidden[0].guesses) == (
        pytest.approx(1)
    )


def test_a_long_text_is_read_in_windows_and_no_hidden_word_is_lost(
    marked_tokenizer_json: bytes,
) -> None:
    parts = ["good [MASK] film", "bad", "a [MASK] plot and", "very very"] * 9
    text = " ".join(parts)
    [short, long] = guesser(marked_tokenizer_json)(["[MASK] good", text])
    assert short.windows == 1 and long.windows > 5
    assert not long.truncated
    words = [one.guesses[0].word for one in long.hidden]
    assert words == ["film", "plot"] * 9


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["a [MASK]", "a good film"], "Item 1: it hides no word. Write \\[MASK\\]"),
        ([("a [MASK]", "b")], "Item 0: it is a pair"),
        ([""], "hides no word"),
    ],
)
def test_what_hides_no_word_is_refused(
    marked_tokenizer_json: bytes, items: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        guesser(marked_tokenizer_json)(items)
    with pytest.raises(InputError, match="at least 1 word"):
        guesser(marked_tokenizer_json)(["[MASK]"], top=0)


def test_a_tokenizer_that_reads_no_mask_is_refused(
    make_bundle: BundleMaker, tmp_path: Path, tokenizer_json: bytes
) -> None:
    make_bundle(tmp_path / "guess", tokenizer_json=tokenizer_json, **GUESSING)
    with pytest.raises(BundleError, match=r"does not read its token 4 \('\[MASK\]'\)"):
        squeezebert.load(tmp_path / "guess")


def test_a_mark_is_read_where_the_tokenizer_reads_it_between_spaces_alone(
    marked_tokenizer_json: bytes,
) -> None:
    stated = json.loads(marked_tokenizer_json)
    stated["added_tokens"][MASK]["single_word"] = True
    [answer] = guesser(json.dumps(stated).encode())(["A [MASK] film and[MASK]good."])
    assert [one.guesses[0].word for one in answer.hidden] == ["film", "good"]


@pytest.mark.parametrize("bits", [8, 4])
def test_the_table_of_words_is_the_last_layer(
    make_bundle: BundleMaker,
    tmp_path: Path,
    marked_tokenizer_json: bytes,
    tiny_architecture: Architecture,
    bits: int,
) -> None:
    shape = tiny_architecture
    if bits == 4:
        shape = replace(shape, hidden_size=32, intermediate_size=64)
    fields = GUESSING | {"architecture": shape, "tokenizer_json": marked_tokenizer_json}
    bundle = read_bundle(make_bundle(tmp_path / "whole", **fields))
    if bits == 4:
        table = quantise_table(as_floats(bundle.tensors[WORDS]), 4)
        of_encoder = {n: bundle.tensors[n] for n in shape.shapes()} | {WORDS: table}
        of_head = {n: t for n, t in bundle.tensors.items() if n not in of_encoder}
        fields |= {"tensors": of_encoder, "head_tensors": of_head}
        bundle = read_bundle(make_bundle(tmp_path / "four", **fields))
    [answer] = squeezebert.load(bundle.path)(["a [MASK] film ."], top=19)
    expected = scores(bundle, [2, 5, MASK, FILM, 16, 3])
    guesses = answer.hidden[0].guesses
    found = {guess.token: guess.score for guess in guesses}
    # The native engine, which takes the wider one, rounds what it multiplies.
    assert found == pytest.approx(dict(enumerate(expected.tolist())), abs=0.01)
    assert [guess.score for guess in guesses] == sorted(found.values(), reverse=True)
    assert not any(name.endswith("decoder.weight") for name in bundle.tensors)


def scores(bundle: Bundle, ids: list[int]) -> Floats:
    """The head in a few lines of doubles, on the states of the reference engine."""
    weights = {name: as_floats(tensor).astype(float) for name, tensor in bundle.tensors.items()}
    batch = PackedBatch.from_encodings([(ids, [0] * len(ids))])
    state = NumpyEngine(bundle.manifest.architecture, bundle.tensors).encode(batch)[ids.index(MASK)]
    name = "cls.predictions"
    x = weights[f"{name}.transform.dense.weight"] @ state + weights[f"{name}.transform.dense.bias"]
    x = x * 0.5 * (1 + np.vectorize(math.erf)(x / 2**0.5))
    x = (x - x.mean()) / x.std()
    x = x * weights[f"{name}.transform.LayerNorm.weight"]
    x = x + weights[f"{name}.transform.LayerNorm.bias"]
    logits = weights[WORDS] @ x + weights[f"{name}.bias"]
    result: Floats = np.exp(logits - logits.max())
    result /= result.sum()
    return result


def test_a_head_that_guesses_words_is_combined_with_others(
    make_bundle: BundleMaker, tmp_path: Path, marked_tokenizer_json: bytes
) -> None:
    marked = {"tokenizer_json": marked_tokenizer_json}
    make_bundle(tmp_path / "guess", **marked, **GUESSING)
    make_bundle(tmp_path / "mood", **marked)
    combine_bundles([tmp_path / "guess", tmp_path / "mood"], tmp_path / "both")
    both = squeezebert.load(tmp_path / "both")
    assert both.tasks == ("guess", "mood")
    alone = squeezebert.load(tmp_path / "guess")
    assert both.task("guess")(["a [MASK]"]) == alone(["a [MASK]"])
    [hidden, plain] = both(["a [MASK]", "a film"])
    assert (set(hidden), set(plain)) == ({"guess", "mood"}, {"mood"})


def test_what_is_asked_of_the_head_is_the_hidden_words_alone(bundle: Path) -> None:
    read = read_bundle(bundle)
    head = read.manifest.heads[0]
    shape = read.manifest.architecture
    built = MaskedWordHead(NumpyEngine(shape, read.tensors), read.tensors, shape, head)
    batch = PackedBatch.from_encodings([([2, MASK, 3], [0] * 3), ([2, 5, MASK, MASK, 3], [0] * 5)])
    assert built(batch).shape == (3, 19)
