"""Encoders to checkpoints of the project's format, with the record of how they were made.

A student that was squeezed has it in ``squeeze.json``, a fine-tuned one in ``report.json``, where
`squeezebert squeeze` and `squeezebert train` write theirs; `squeezebert export` reads them there.
"""

import json
from pathlib import Path
from typing import Any

import torch
from benchmarks.gpu.encoder import Parameters, Shape
from benchmarks.gpu.languages import ENTITIES, SENTIMENT
from benchmarks.gpu.objectives import Kind, Task
from benchmarks.gpu.store import Work, load_encoder
from benchmarks.gpu.teach import TASKS
from benchmarks.gpu.weights import config_of, student_state
from transformers import AutoTokenizer

from squeezebert.errors import InputError
from squeezebert.files import replacing_folder
from squeezebert.finetune.start import save_tokenizer
from squeezebert.model import (
    SqueezeBertForQuestionAnswering,
    SqueezeBertForSequenceClassification,
    SqueezeBertForTokenClassification,
    SqueezeBertModel,
)
from squeezebert.model.compact import find_checkpoint
from squeezebert.squeeze.student import RECORD

CLASSES: dict[Kind, Any] = {
    Kind.CLASS: SqueezeBertForSequenceClassification,
    Kind.NUMBER: SqueezeBertForSequenceClassification,
    Kind.TAGS: SqueezeBertForTokenClassification,
    Kind.SPAN: SqueezeBertForQuestionAnswering,
    Kind.VECTOR: SqueezeBertModel,
}
LABELS = {
    "sst2": ("negative", "positive"),
    "cola": ("0", "1"),
    "mrpc": ("0", "1"),
    "rte": ("entailment", "not_entailment"),
    "qnli": ("entailment", "not_entailment"),
    "nli": ("contradiction", "entailment", "neutral"),
    "sentiment": ("negative", "neutral", "positive"),
}
PAIRS = ("mrpc", "rte", "qnli", "nli", "stsb")
LONGEST = {"rte": 160, "clinc": 64, "squad": 384}
LONGEST_TASK, LONGEST_ENCODER = 128, 512
ALL_TASKS = TASKS | {task.name: task for task in (SENTIMENT, ENTITIES)}


def write_checkpoint(
    work: Work, name: str, tokenizer: str, output: Path, head: str | None = None
) -> None:
    """Writes an encoder as a checkpoint.

    Args:
        name: A student, such as mini, or one that learnt a task, such as mini.sst2.
        tokenizer: The checkpoint with the student's tokenizer, by folder or built-in name.
        output: A folder; one of ours is replaced.
        head: A task's, of an encoder that has several.

    Raises:
        InputError: There is no such encoder, or it has no such head.
    """
    parameters, shape, record = load_encoder(work.made(name), "squeeze or student")
    student, _, about = name.partition(".")
    task = _task(name, head or about.partition(".")[0], parameters) if about or head else None
    model = _model(work, parameters, shape, task, tokenizer)
    longest = LONGEST.get(task.name, LONGEST_TASK) if task else LONGEST_ENCODER
    with replacing_folder(output, marker="config.json") as aside:
        model.save_pretrained(aside)
        save_tokenizer(tokenizer, aside, longest)
        if task is not None:
            record = {"task": task.name, "student": student, **record}
        text = json.dumps(record, indent=2, ensure_ascii=False)
        (aside / ("report.json" if task else RECORD)).write_text(text + "\n", encoding="utf-8")


def _task(name: str, head: str, parameters: Parameters) -> Task:
    task = ALL_TASKS.get(head)
    has_head = f"{head}.classifier.weight" in parameters
    if task is None or not (has_head or task.kind == Kind.VECTOR):
        heads = sorted({key.partition(".classifier")[0] for key in parameters if ".class" in key})
        raise InputError(f"{name} has no head {head!r}. Give --head: {', '.join(heads)}, embed.")
    return task


def _model(
    work: Work, parameters: Parameters, shape: Shape, task: Task | None, tokenizer: str
) -> Any:
    kind = Kind.VECTOR if task is None else task.kind
    pad = AutoTokenizer.from_pretrained(find_checkpoint(tokenizer)).pad_token_id
    config = config_of(parameters, shape, pad)
    if task is not None:
        for field, value in _labels(work, task).items():
            setattr(config, field, value)
        if f"{task.name}.pooler.weight" in parameters:
            pooler = {
                f"pooler.{n}": parameters[f"{task.name}.pooler.{n}"] for n in ("weight", "bias")
            }
            parameters = {**parameters, **pooler}
    state = student_state(parameters, shape)
    if kind != Kind.VECTOR and task is not None:
        state = {f"transformer.{key}": value for key, value in state.items()}
        head = "qa_outputs" if kind == Kind.SPAN else "classifier"
        for part in ("weight", "bias"):
            state[f"{head}.{part}"] = parameters[f"{task.name}.classifier.{part}"]
    model = CLASSES[kind](config).eval()
    own = model.state_dict()
    for place in own.keys() - state.keys():  # a pooler that nothing uses
        state[place] = torch.zeros_like(own[place])
    model.load_state_dict({key: value for key, value in state.items() if key in own})
    return model


def _labels(work: Work, task: Task) -> dict[str, Any]:
    if task.kind == Kind.NUMBER:
        return {"problem_type": "regression", "num_labels": 1, "inputs": "pair"}
    if task.kind not in (Kind.CLASS, Kind.TAGS):
        return {}
    if task.name == "clinc":
        names = tuple(work.data("clinc.labels")["labels"].tolist())
    else:
        names = task.tags or LABELS[task.name]
    found: dict[str, Any] = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }
    if task.kind == Kind.CLASS:
        inputs = "pair" if task.name in PAIRS else "text"
        found |= {"problem_type": "single_label_classification", "inputs": inputs}
    return found
