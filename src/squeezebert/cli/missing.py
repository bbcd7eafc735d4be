"""Turns a missing package into the name of the extra that installs it."""

from squeezebert.errors import MissingExtraError

EXTRA_OF = {
    "torch": "train",
    "transformers": "train",
    "huggingface_hub": "train",
    "accelerate": "train",
    "datasets": "train",
    "pyarrow": "train",
    "scipy": "train",
    "matplotlib": "train",
    "zstandard": "train",
    "optuna": "train",
    "fastapi": "serve",
    "uvicorn": "serve",
    "starlette": "serve",
    "pydantic": "serve",
    "pydantic_core": "serve",
    "prometheus_client": "serve",
    "greenlet": "serve",
    "ray": "scale",
    "psutil": "bench",
    "onnx": "bench",
    "onnxruntime": "bench",
    "openvino": "bench",
    "nncf": "bench",
}


def missing_extra(error: ModuleNotFoundError, feature: str) -> MissingExtraError | None:
    """The error to show for a package that one of our extras installs; None for any other."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRA_OF:
        return None
    return MissingExtraError(feature, EXTRA_OF[package], package)
