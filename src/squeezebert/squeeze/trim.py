"""A checkpoint with the pieces that some texts need, and no others.

The table of word embeddings is most of a multilingual encoder, and few of its rows are of one's own
languages. Which rows stay changes nothing else: on a text whose pieces all stay, the tokens and the
hidden states are those of the whole checkpoint, to the last bit.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from squeezebert.data.formats.decoding import Text
from squeezebert.data.raw_text import check_text
from squeezebert.errors import CheckpointError, InputError
from squeezebert.files import replacing_folder, require_replaceable
from squeezebert.model.compact import find_checkpoint
from squeezebert.model.roles import require_pieces, tokenizer_of
from squeezebert.squeeze.pieces import (
    Closure,
    characters,
    indispensable,
    pieces_of,
    script,
    subset,
)
from squeezebert.training.checkpoints import MARKER
from squeezebert.vocabulary import unknown_piece

RECORD = "trim.json"
COVERAGE = 0.9999
SCRIPT_SHARE = 1e-3
"""Of a text's letters: a script with fewer, as of a name quoted now and then, isn't the text's."""

_LINES_AT_ONCE = 512
_DECODERS = re.compile(r"(decoder\.(weight|bias)|predictions\.bias|lm_head\.(weight|bias))$")
_COPIED = (
    "tokenizer_config.json", "special_tokens_map.json", "squeeze.json", "modules.json",
    "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling",
)  # fmt: skip

Progress = Callable[[int, int], None]
"""Called with bytes of the texts read so far and in all; each is read twice."""


@dataclass(frozen=True)
class TextPieces:
    """What a text is broken into.

    Attributes:
        words: What spaces part.
        pieces: By the whole vocabulary and by the trimmed one.
        unknown: Those of them that stand for characters that no piece holds.
    """

    name: str
    words: int
    pieces: tuple[int, int]
    unknown: tuple[int, int]


@dataclass(frozen=True)
class Trimmed:
    """What a trim came to.

    Attributes:
        pieces: In the vocabulary, before and after.
        texts: One for each file.
        notes: What was noticed in reading them, such as an encoding.
    """

    pieces: tuple[int, int]
    texts: tuple[TextPieces, ...]
    notes: tuple[str, ...]


@dataclass
class _Counts:
    """Pieces, unknown ones and words of a text, and its characters."""

    pieces: np.ndarray
    words: int
    characters: Counter[str]


def trim(
    checkpoint: str | Path,
    texts: Sequence[Path],
    output: Path,
    *,
    keep: int | None = None,
    coverage: float | None = None,
    progress: Progress | None = None,
) -> Trimmed:
    """Writes a checkpoint with the pieces that texts need, special ones and single characters.

    All characters of a script stay that makes up a thousandth of some text's letters, and all that
    are no letters. The other pieces are ranked by how often the texts have them; each text counts
    alike, however long it is.

    Args:
        checkpoint: Hugging Face folder or the name of an installed checkpoint.
        texts: Plain text, packed or not; see `Text`.
        output: The result's folder, written whole or not at all.
        keep: Pieces that stay, at most; fewer, if the texts need fewer.
        coverage: Or the share of every text's pieces that stay; 0.9999 if neither is given.
        progress: Told how far the reading is.

    Raises:
        InputError: ``keep`` is too little for what has to stay or no less than there is, both are
            given, or ``output`` holds something else than a checkpoint.
        CheckpointError: The checkpoint can't be used.
        DataError: A text can't be read, or there is nothing in it to learn from.
    """
    if keep is not None and coverage is not None:
        raise InputError("Give the pieces to keep or a coverage, one of the two.")
    if coverage is not None and not 0 < coverage <= 1:
        raise InputError(f"A coverage is above 0 and at most 1, not {coverage}.")
    require_replaceable(output, MARKER)
    folder = Path(find_checkpoint(checkpoint))
    source = _Source(folder)
    if keep is not None and keep >= len(source.pieces):
        raise InputError(f"{checkpoint} has {len(source.pieces)} pieces; keep fewer than that.")

    for file in texts:
        check_text([file], source.tokenizer)
    sizes = [file.stat().st_size for file in texts]
    sources = [Text.of_file(file) for file in texts]
    done = 0

    def passed(read: int) -> None:
        if progress:
            progress(done + read, 2 * sum(sizes))

    def counts(tokenizer: Tokenizer) -> list[_Counts]:
        nonlocal done
        found = []
        for text, size in zip(sources, sizes, strict=True):
            found.append(_count(text, tokenizer, passed))
            done += size
        return found

    before = counts(source.tokenizer)
    kept = _chosen(source, before, keep, COVERAGE if coverage is None else coverage)
    parts = subset(source.parts, kept)
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    after = counts(tokenizer)
    unknown = unknown_piece(tokenizer)
    result = Trimmed(
        pieces=(len(source.pieces), len(kept)),
        texts=tuple(
            TextPieces(
                name=text.name,
                words=whole.words,
                pieces=(int(whole.pieces.sum()), int(trimmed.pieces.sum())),
                unknown=(
                    _number(whole, source.tokenizer, unknown),
                    _number(trimmed, tokenizer, unknown),
                ),
            )
            for text, whole, trimmed in zip(sources, before, after, strict=True)
        ),
        notes=tuple(note for text in sources for note in text.notes),
    )
    with replacing_folder(output, MARKER) as aside:
        source.write(aside, kept, parts)
        (aside / RECORD).write_text(
            json.dumps({"checkpoint": str(checkpoint), **asdict(result)}, indent=2) + "\n"
        )
    return result


class _Source:
    """The checkpoint that is trimmed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.tokenizer = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
            self.config: dict[str, Any] = json.loads((folder / "config.json").read_text())
            self.state: dict[str, Tensor] = load_file(folder / "model.safetensors")
            with torch.device("meta"):
                model = AutoModel.from_config(AutoConfig.from_pretrained(folder))
        except (OSError, ValueError, SafetensorError) as error:
            raise CheckpointError(
                f"{folder} can't be trimmed: {str(error).rstrip('.')}. Give a Hugging Face folder "
                "with config.json, model.safetensors and tokenizer.json."
            ) from error
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.parts: dict[str, Any] = json.loads(self.tokenizer.to_str())
        self.pieces = pieces_of(self.parts)
        self.rows = int(self.config["vocab_size"])
        names = {module: name for name, module in model.named_modules()}
        self.table = f"{names[model.get_input_embeddings()]}.weight"
        self.positions = {
            f"{name}.weight"
            for name, module in model.named_modules()
            if name.endswith("position_embeddings")
            and isinstance(module, nn.Embedding)
            and module.padding_idx is not None
        }
        if max(self.pieces) >= self.rows:
            raise CheckpointError(
                f"{folder}: the tokenizer's last piece is number {max(self.pieces)}, the table of "
                f"embeddings has {self.rows} rows. Give the tokenizer it was trained with."
            )
        tokenizer, special = tokenizer_of(folder)
        require_pieces(tokenizer, special, str(folder), self.config.get("pad_token_id"))

    @property
    def special_ids(self) -> dict[str, int]:
        """The ids that the configuration names."""
        return {
            name: value
            for name, value in self.config.items()
            if name.endswith("_token_id") and isinstance(value, int) and value in self.pieces
        }

    def write(self, folder: Path, kept: Sequence[int], parts: dict[str, Any]) -> None:
        """Writes the checkpoint with some of its rows."""
        new = {old: index for index, old in enumerate(kept)}
        pad = self.special_ids.get("pad_token_id")
        # RoBERTa and MPNet count positions from after the padding's id, which may now be less.
        passed = 0 if pad is None or not self.positions else pad - new[pad]
        rows = torch.tensor(kept)
        state = {}
        for name, tensor in self.state.items():
            of_words = name.endswith(self.table) or _DECODERS.search(name)
            if of_words and len(tensor) == self.rows:
                tensor = tensor[rows]
            elif name.endswith(tuple(self.positions)):
                tensor = tensor[passed:].contiguous()
            state[name] = tensor
        config = self.config | {"vocab_size": len(kept)}
        config |= {name: new[old] for name, old in self.special_ids.items()}
        config["max_position_embeddings"] -= passed
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file(state, folder / "model.safetensors", {"format": "pt"})
        (folder / "tokenizer.json").write_text(
            json.dumps(parts, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
        )
        for name in _COPIED:
            file = self.folder / name
            if file.is_dir():
                shutil.copytree(file, folder / name)
            elif file.exists():
                shutil.copyfile(file, folder / name)
        _renumber(folder / "tokenizer_config.json", new)


def _chosen(
    source: _Source, counts: Sequence[_Counts], keep: int | None, coverage: float
) -> list[int]:
    """The ids that stay, in rising order."""
    closure = Closure(source.parts)
    scripts = {
        name
        for text in counts
        for name, share in _script_shares(text.characters).items()
        if share >= SCRIPT_SHARE
    }
    stay: set[int] = set()
    for index in indispensable(source.parts) | set(source.special_ids.values()):
        stay |= closure.of(index, stay)
    for index, character in characters(source.parts).items():
        name = script(character)
        if name is None or name in scripts:
            stay |= closure.of(index, stay)
    if keep is not None and keep < len(stay):
        raise InputError(
            f"{keep} pieces are less than the {len(stay)} special pieces and single characters "
            f"({', '.join(sorted(scripts)).lower()}) that have to stay. Keep more."
        )
    shares = np.stack([text.pieces / max(1, text.pieces.sum()) for text in counts])
    ranking = np.argsort(-shares.sum(0), kind="stable")
    covered = shares[:, sorted(stay)].sum(1)
    for index in map(int, ranking[: np.count_nonzero(shares.sum(0))]):
        if keep is None and (covered >= coverage).all():
            break
        if index in stay:
            continue
        wanted = closure.of(index, stay)
        if keep is None or len(stay) + len(wanted) <= keep:
            stay |= wanted
            covered += shares[:, sorted(wanted)].sum(1)
    return sorted(stay)


def _script_shares(characters: Counter[str]) -> dict[str, float]:
    letters: Counter[str] = Counter()
    for character, count in characters.items():
        if name := script(character):
            letters[name] += count
    return {name: count / letters.total() for name, count in letters.items()}


def _count(text: Text, tokenizer: Tokenizer, advance: Callable[[int], None]) -> _Counts:
    pieces = np.zeros(max(tokenizer.get_vocab().values()) + 1, np.int64)
    found: Counter[str] = Counter()
    words = 0
    lines = (line.strip() for _, line in text.lines(advance))
    while batch := list(islice(lines, _LINES_AT_ONCE)):
        encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        ids = np.fromiter((index for one in encodings for index in one.ids), np.int64)
        pieces += np.bincount(ids, minlength=len(pieces))
        for line in batch:
            found.update(line)
            words += len(line.split())
    return _Counts(pieces, words, found)


def _number(counts: _Counts, tokenizer: Tokenizer, piece: str | None) -> int:
    return 0 if piece is None else int(counts.pieces[tokenizer.token_to_id(piece)])


def _renumber(file: Path, new: dict[int, int]) -> None:
    """Gives the added tokens of a ``tokenizer_config.json`` their new ids."""
    if not file.exists():
        return
    settings = json.loads(file.read_text(encoding="utf-8"))
    if added := settings.get("added_tokens_decoder"):
        settings["added_tokens_decoder"] = {
            str(new[int(old)]): token for old, token in added.items()
        }
        file.write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")
