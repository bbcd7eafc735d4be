"""Training from where a session stands."""

from pathlib import Path
from typing import Any, Protocol

from squeezebert.training.checkpoints import SealCheckpoints, step_of
from squeezebert.training.elapsed import Elapsed
from squeezebert.training.progress import showing_progress
from squeezebert.training.session import Session


class Resumable(Protocol):
    """A trainer of transformers that can also take what a finished training left."""

    def add_callback(self, callback: Any) -> None:
        """Has a callback told of the training."""

    def train(self, resume_from_checkpoint: str | None = None) -> Any:
        """Trains from a checkpoint, or from the first step."""

    def load_end(self, checkpoint: Path) -> None:
        """Takes the weights and the history of a checkpoint that was saved after the last step."""


def train_on(trainer: Resumable, session: Session, steps: int) -> float:
    """Trains from the session's last checkpoint, if there is one, to the last step.

    Args:
        trainer: of ``steps`` steps.
        session: keeps the checkpoints.
        steps: how many there are; of none, nothing is trained.

    Returns:
        the seconds of all sessions, each up to the save that the next one went on from.
    """
    checkpoint = session.last_checkpoint()
    elapsed = Elapsed(checkpoint)
    trainer.add_callback(elapsed)
    trainer.add_callback(SealCheckpoints(session.keep))
    if checkpoint is not None and step_of(checkpoint) == steps:
        trainer.load_end(checkpoint)  # resuming would take one more step
    elif steps:
        with showing_progress(trainer.add_callback, session.say, _measured):
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return elapsed.seconds


def _measured(metrics: dict[str, float]) -> str:
    """Such as "perplexity 51.2"."""
    return ", ".join(f"{name.replace('_', ' ')} {value:,.4g}" for name, value in metrics.items())
