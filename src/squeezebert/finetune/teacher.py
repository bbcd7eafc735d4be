"""What a teacher says of the training examples, asked once and kept for further students."""

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from squeezebert.files import replacing_file
from squeezebert.finetune.encoding import EncodedExamples
from squeezebert.finetune.progress import progress
from squeezebert.finetune.tasks import TrainingTask
from squeezebert.training.predictor import load_predictor


def teacher_outputs(
    teacher: str,
    task: TrainingTask,
    examples: EncodedExamples,
    folder: Path,
    say: Callable[[str], None],
) -> Tensor:
    """What the teacher says of the training examples, as `TrainingTask.teach` has it.

    Args:
        teacher: a fine-tuned checkpoint or bundle.
        folder: where answers are kept, in a hidden folder.
        say: prints a line.

    Raises:
        InputError: the teacher is for something else.
    """
    key = f"{_identity(teacher)} {task.digest} {examples.digest}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    cache = folder / ".teacher-logits" / f"{digest[:16]}.safetensors"
    predictor = load_predictor(teacher)
    task.check_teacher(predictor)
    if cache.exists():
        say(f"The teacher's logits are known from an earlier run: {cache}")
        return load_file(cache)["logits"]
    say(f"Asking the teacher about {len(examples):,} examples, once.")
    with progress("teacher", len(examples), say) as advance:
        logits = task.teach(predictor, examples, advance)
    with replacing_file(cache) as aside:
        save_file({"logits": logits}, aside)
    return logits


def _identity(teacher: str) -> str:
    """Changes when the teacher does: a digest of its files; for a built-in one, its name."""
    folder = Path(teacher)
    if not folder.is_dir():
        return f"{teacher} {version('squeezebert')}"
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in {".json", ".safetensors", ".bin", ".gz"}:
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
