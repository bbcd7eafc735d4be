"""Whether there is a model of a name, asked once and with a short wait."""

from difflib import get_close_matches

from huggingface_hub import HfApi, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from squeezebert.bundle import installed_bundles, installed_checkpoints, look_up
from squeezebert.bundle.installed import how_to_install
from squeezebert.errors import CheckpointError

_SECONDS = 10.0


def require_model(name: str) -> None:
    """Raises CheckpointError unless there is a model of this name or at this path.

    A model of the Hugging Face hub is there if it was downloaded before, or if the hub says so.
    """
    if look_up(name).kind != "unknown":
        return
    if installing := how_to_install(name):
        raise CheckpointError(installing)
    known = [*installed_checkpoints(), *installed_bundles()]
    near = get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    remedy = (
        f"{hint} Give an installed model ({', '.join(known)}), the folder of a checkpoint or "
        "bundle, or the id of a model on the Hugging Face hub."
    )
    if near or name.startswith((".", "/", "~")):
        raise CheckpointError(f"There is no model {name!r}.{remedy}")
    try:
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return
        HfApi().model_info(name, timeout=_SECONDS)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise CheckpointError(f"There is no model {name!r}, here or on the hub.{remedy}") from error
    except Exception as error:  # the library of the hub changes its HTTP client with its versions
        raise CheckpointError(
            f"There is no model {name!r} here, and the hub can't be asked ({error}).{remedy}"
        ) from error
