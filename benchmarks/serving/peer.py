"""What one would write without us: FastAPI over transformers' pipelines, a request at a time.

    python -m benchmarks.serving.peer PORT ENCODER

Its heads are new: random weights answer as fast as trained ones. It needs nothing of ours.
"""

import sys
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    pipeline,
)


class Texts(BaseModel):
    """Texts to predict."""

    items: list[str]


def main() -> None:
    """Serves a classifier and a tagger until it is stopped."""
    port, encoder = sys.argv[1:]
    torch.set_grad_enabled(False)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    classifier = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
    tagger = AutoModelForTokenClassification.from_pretrained(encoder, num_labels=9)
    classify: Any = pipeline(
        "text-classification", model=classifier.eval(), tokenizer=tokenizer, device=-1
    )
    tag: Any = pipeline(
        "token-classification",
        model=tagger.eval(),
        tokenizer=tokenizer,
        device=-1,
        aggregation_strategy="simple",
    )
    app = FastAPI()

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.post("/classify")  # in FastAPI's threads, as its documentation advises
    def classes(body: Texts) -> Any:
        return classify(body.items, batch_size=16, truncation=True)

    @app.post("/tag")
    def entities(body: Texts) -> Any:
        found = tag(body.items, batch_size=16)
        return [[{**one, "score": float(one["score"])} for one in each] for each in found]

    uvicorn.run(app, port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
