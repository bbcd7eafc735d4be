"""What an encoder's frozen states hold, by linear models over them: in a minute, with little noise.

The error against a teacher can fall while this does not grow (docs/log.md, "base, squeezed on").
Sentiment is read from the mean of a text's states, tags from the state of each word's first token,
in the middle layer and in the last.
"""

import numpy as np
import torch
from benchmarks.gpu.device import LOW
from benchmarks.gpu.encoder import Parameters, Shape, states
from benchmarks.gpu.rows import TEXT, Rows, only, take
from benchmarks.gpu.scores import TOKENS_AT_ONCE
from benchmarks.gpu.store import Array, Arrays, Work
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SENTENCES = {"sst2": 12_000, "conll": 6_000}
"""How many of each training part are read."""
PENALTY = 100.0


def measure(work: Work, name: str, parameters: Parameters, shape: Shape) -> None:
    """Prints accuracy on SST-2's dev part, and F1 of tags other than O on CoNLL-2003's.

    Args:
        name: The encoder's, to be printed.

    Raises:
        InputError: The data are missing that `prepare` makes.
    """
    low = {key: value.to(LOW) for key, value in parameters.items()}
    for task, by_token in (("sst2", False), ("conll", True)):
        train, dev = work.data(f"{task}.train"), work.data(f"{task}.dev")
        order = np.random.default_rng(0).permutation(len(train["lengths"]))
        train = take(train, order[: SENTENCES[task]])
        read, asked = (_features(low, shape, part, by_token) for part in (train, dev))
        known, wanted = (part["tag" if by_token else "label"] for part in (train, dev))
        for place, layer in enumerate(("middle", "last")):
            model = make_pipeline(StandardScaler(), RidgeClassifier(PENALTY))
            model.fit(read[place][known >= 0], known[known >= 0])
            found = model.predict(asked[place][wanted >= 0])
            score = _score(wanted[wanted >= 0], found, by_token)
            print(f"{name}, {task}, {layer} layer: {100 * score:.1f}", flush=True)


def _score(wanted: Array, found: Array, by_token: bool) -> float:
    if not by_token:
        return float(accuracy_score(wanted, found))
    tags = sorted(set(wanted.tolist()) - {0})
    return float(f1_score(wanted, found, labels=tags, average="micro"))


@torch.no_grad()
def _features(parameters: Parameters, shape: Shape, data: Arrays, by_token: bool) -> Array:
    """States [2 layers, tokens or texts, width], in the order of the data."""
    rows = Rows(only(data, TEXT))
    found: list[Array] = [np.zeros(0)] * rows.count
    for batch in rows.parts(TOKENS_AT_ONCE):
        every = states(parameters, shape, batch["ids"], batch["lengths"], batch["second"])
        both = torch.stack([every[shape.layers // 2 - 1], every[-1]]).float().cpu()
        for place, (row, length) in enumerate(
            zip(batch["row"].tolist(), batch["lengths"].tolist(), strict=True)
        ):
            inside = both[:, place, :length]
            found[row] = (inside if by_token else inside.mean(1, keepdim=True)).numpy()
    return np.concatenate(found, axis=1)
