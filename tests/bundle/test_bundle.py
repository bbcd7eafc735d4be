"""A bundle is read whole and right, or not at all."""

import gzip
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from squeezebert.bundle import Quantised, read_bundle, write_bundle
from squeezebert.bundle.architecture import Mixer
from squeezebert.bundle.manifest import Manifest, TensorScheme
from squeezebert.bundle.tensors import as_floats, release
from squeezebert.errors import BundleError, InputError
from squeezebert.pipelines import load

WORD_TABLE = "embeddings.word_embeddings.weight"


def part(bundle: Path, name: str) -> Path:
    return next(bundle.glob(f"{name}-*"))


def edit_manifest(bundle: Path, edit: Callable[[Any], object]) -> None:
    file = bundle / "bundle.json"
    manifest = json.loads(file.read_text())
    edit(manifest)
    file.write_text(json.dumps(manifest))


def set_file(manifest: Any, name: str, stored: object) -> None:
    manifest["files"][name] = stored


def named(manifest: Any, part: str) -> str:
    """The file of a part."""
    return str(next(name for name in manifest["files"] if name.startswith(part)))


def replace_part(bundle: Path, name: str, data: bytes) -> None:
    """Puts other data in a part and makes name, size and digest agree with it."""
    old = part(bundle, name)
    digest = hashlib.sha256(data).hexdigest()
    new = old.with_name(f"{name}-{digest[:16]}.safetensors")
    old.unlink()
    new.write_bytes(data)

    def edit(manifest: Any) -> None:
        del manifest["files"][old.name]
        manifest["files"][new.name] = {"sha256": digest, "bytes": len(data)}

    edit_manifest(bundle, edit)


def test_a_bundle_reads_back_exactly(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    evaluation = [{"data": "dev", "metric": "accuracy", "bundle": 0.5}]
    path = make_bundle(tmp_path / "b", provenance={"seed": 1}, evaluation=evaluation)
    bundle = read_bundle(path)
    assert bundle.manifest.heads[0].labels == ("negative", "positive")
    assert bundle.manifest.provenance == {"seed": 1}
    assert list(bundle.manifest.evaluation) == evaluation
    assert Manifest.from_json(bundle.manifest.to_json()) == bundle.manifest
    stored = load_file(part(path, "embeddings"))  # the real safetensors reads the parts too
    table = bundle.tensors[WORD_TABLE]
    assert isinstance(table, Quantised)
    np.testing.assert_array_equal(table.values, stored[WORD_TABLE])
    np.testing.assert_array_equal(table.scale, stored[f"{WORD_TABLE}.scale"])


def test_dequantised_values_are_the_integers_times_their_scale() -> None:
    values = np.arange(-6, 6, dtype=np.int8).reshape(2, 3, 2)
    tensor = Quantised(values, np.array([0.5, 0.25], np.float16))
    expected = values * np.array([0.5, 0.25], np.float32)[:, None, None]
    assert tensor.dequantise().dtype == np.float32
    np.testing.assert_array_equal(tensor.dequantise(), expected)
    np.testing.assert_array_equal(tensor.rows(np.array([1, 0, 1])), expected[[1, 0, 1]])


def test_released_tensors_are_read_again(tiny_bundle: Path) -> None:
    for tensor in read_bundle(tiny_bundle).tensors.values():
        before = as_floats(tensor).copy()
        release(tensor)
        np.testing.assert_array_equal(as_floats(tensor), before)
    release(np.ones(3, np.float32))  # in no file


def test_equal_bundles_have_equal_files(tmp_path: Path, make_bundle: Callable[..., Path]) -> None:
    one, two = make_bundle(tmp_path / "1"), make_bundle(tmp_path / "2")
    assert {f.name: f.read_bytes() for f in one.iterdir()} == {
        f.name: f.read_bytes() for f in two.iterdir()
    }


@pytest.mark.parametrize("name", ["bundle.json", "tokenizer.json.gz", "embeddings", "encoder"])
@pytest.mark.parametrize("harm", ["missing", "truncated", "flipped", "empty", "folder", "loop"])
def test_a_harmed_file_is_named(tiny_bundle: Path, name: str, harm: str) -> None:
    file = next(tiny_bundle.glob(f"{name}*"))
    data = bytearray(file.read_bytes())
    file.unlink()
    if harm == "truncated":
        file.write_bytes(data[:-7])
    elif harm == "flipped":
        data[5 if name == "bundle.json" else len(data) // 2] ^= 0x10
        file.write_bytes(data)
    elif harm == "empty":
        file.touch()
    elif harm == "folder":
        file.mkdir()
    elif harm == "loop":
        file.symlink_to(file)
    with pytest.raises(BundleError, match=name):
        read_bundle(tiny_bundle)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_in_place_of_a_file_does_not_hang(tiny_bundle: Path) -> None:
    file = part(tiny_bundle, "encoder")
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(BundleError, match="not a regular file"):
        read_bundle(tiny_bundle)


def test_links_to_the_right_files_are_followed(tiny_bundle: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for file in list(tiny_bundle.iterdir()):
        file.rename(store / file.name)
        file.symlink_to(store / file.name)
    assert read_bundle(tiny_bundle).manifest.heads[0].task == "classification"


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such folder"):
        read_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"holds no bundle\.json"):
        read_bundle(tmp_path)


def test_what_is_no_bundle_is_named_with_what_to_give_instead(
    tmp_path: Path, tiny_bundle: Path
) -> None:
    def said(path: Path) -> str:
        with pytest.raises(BundleError) as caught:
            read_bundle(path)
        return str(caught.value)

    assert f"Give that folder: {tiny_bundle}." in said(tiny_bundle / "bundle.json")
    assert f"Bundles in it: {tiny_bundle}. Give one" in said(tmp_path)
    text = tmp_path / "rows.csv"
    text.write_text("text,label\n")
    assert "a file, and a model is a folder" in said(text)
    checkpoint = tmp_path / "trained"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    assert "but a checkpoint. `squeezebert export` makes a bundle" in said(checkpoint)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: m.update(format_version=3), "version is 3"),
        (lambda m: m.pop("format_version"), "format_version"),
        (lambda m: m["heads"][0].pop("labels"), "needs some"),
        (lambda m: m["heads"][0].update(labels=["same", "same"]), "twice"),
        (lambda m: m["heads"][0].update(labels=[[]]), "labels"),
        (lambda m: m.update(surprise=1), "surprise"),
        (lambda m: m["heads"][0].update(task=None), "task"),
        (lambda m: m["heads"][0].update(problem_type="magic"), "magic"),
        (lambda m: m["heads"][0].update(problem_type="regression"), "one label"),
        (lambda m: m["heads"][0].update(max_length=25), "24 positions"),
        (lambda m: m["heads"][0].update(max_length=-1), "max_length"),
        (lambda m: m["heads"][0].update(null_threshold="high"), "null_threshold"),
        (lambda m: m.update(heads=[]), "heads is empty"),
        (lambda m: m.update(heads=[None]), r"heads\[0\]"),
        (lambda m: m["heads"].append(m["heads"][0]), "twice"),
        (lambda m: m["heads"][0].update(task="poetry"), "Install a newer"),
        (lambda m: m["heads"][0].update(name=""), "name is empty"),
        (lambda m: m["heads"][0].update(prefix=3), "prefix"),
        (lambda m: m["heads"][0].update(languages=["de", 3]), "languages"),
        (lambda m: m.update(architecture=None), "architecture"),
        (lambda m: m["architecture"].update(hidden_act="relu"), "hidden_act"),
        (lambda m: m["architecture"].update(mixer="mlp"), "mixer"),
        (lambda m: m["architecture"].update(kernel_size=3), "kernel_size"),
        (lambda m: m["architecture"].update(num_attention_heads=5), "num_attention_heads"),
        (lambda m: m["architecture"].update(vocab_size=10**12), "vocab_size"),
        (lambda m: m["architecture"].update(vocab_size=20), "shape"),
        (lambda m: m["architecture"].update(layer_norm_eps="x"), "layer_norm_eps"),
        (lambda m: m["architecture"]["groups"].update(q=3), r"groups\.q"),
        (lambda m: m["architecture"]["groups"].pop("q"), "groups"),
        (lambda m: m["tensors"].pop(WORD_TABLE), "missing"),
        (lambda m: m["tensors"].pop("classifier.bias"), "unknown tensors"),
        (lambda m: m["tensors"][WORD_TABLE].update(scheme="int4"), "int4"),
        (lambda m: m["tensors"][WORD_TABLE].update(scheme="float16"), "float16"),
        (lambda m: m["tensors"][WORD_TABLE].update(part="encoder"), "unknown tensors"),
        (lambda m: m["files"].pop(named(m, "heads")), "no heads part"),
        (lambda m: m["heads"][0].update(features=[1]), "features"),
        (lambda m: m["tensors"]["classifier.bias"].update(scheme="int8_per_row"), "int8"),
        (lambda m: m["tensors"]["classifier.bias"].update(shape=[3]), "shape"),
        (lambda m: m["tensors"]["classifier.bias"].update(shape=2), "wrong fields"),
        (lambda m: m["files"].update({"../x": m["files"]["tokenizer.json.gz"]}), "files"),
        (lambda m: m["files"].update({"/etc/passwd": {"sha256": "", "bytes": 1}}), "sha256"),
        (lambda m: m["files"].update({"tokenizer.json.gz": 3}), "files"),
        (lambda m: m["files"]["tokenizer.json.gz"].update(bytes=1.5), "bytes"),
        (lambda m: m.update(evaluation=[3]), r"evaluation\[0\] is 3"),
        (lambda m: m.update(evaluation=[{}, {"metric": ["f1"]}]), r"evaluation\[1\]: metric"),
        (lambda m: m.update(evaluation=[{"bundle": "0.9"}]), "bundle is '0.9', not a number"),
        (lambda m: m["provenance"].update({"\ud800": 1}), "lone surrogate"),
    ],
)
def test_a_wrong_manifest_is_refused(
    tiny_bundle: Path, edit: Callable[[Any], object], message: str
) -> None:
    edit_manifest(tiny_bundle, edit)
    with pytest.raises(BundleError, match=message):
        read_bundle(tiny_bundle)


def test_a_bundle_of_version_1_is_read(tiny_bundle: Path) -> None:
    before = read_bundle(tiny_bundle).manifest

    def to_version_1(manifest: Any) -> None:
        [head] = manifest.pop("heads")
        for name in ("name", "prefix", "languages", "features"):
            del head[name]
        manifest.update(head, format_version=1)

    edit_manifest(tiny_bundle, to_version_1)
    assert read_bundle(tiny_bundle).manifest == before


def test_the_separable_mixer_may_have_its_earlier_name(
    tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    grouped = read_bundle(make_bundle(tmp_path / "grouped")).manifest
    separable = replace(grouped.architecture, mixer=Mixer.SEPARABLE, kernel_size=3)
    tensors = {
        name: TensorScheme("encoder", "float32", shape)
        for name, shape in separable.shapes().items()
    }
    written = replace(
        grouped, architecture=separable, tensors={**grouped.tensors, **tensors}
    ).to_json()
    earlier = written.replace(b'"separable"', b'"depthwise_separable"')
    assert earlier != written
    assert Manifest.from_json(earlier) == Manifest.from_json(written)


def test_heads_are_a_part_of_their_own_or_as_in_earlier_bundles_in_the_encoders(
    tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    path = make_bundle(tmp_path / "apart")
    bundle = read_bundle(path)
    assert bundle.manifest.parts().keys() == {"embeddings", "encoder", "heads"}
    assert set(load_file(part(path, "heads"))) >= {"classifier.weight", "classifier.bias"}
    earlier = read_bundle(make_bundle(tmp_path / "earlier", tensors=bundle.tensors))
    assert earlier.manifest.parts().keys() == {"embeddings", "encoder"}
    for name, tensor in bundle.tensors.items():
        np.testing.assert_array_equal(as_floats(earlier.tensors[name]), as_floats(tensor))
    texts = ["a good film", "a bad plot"]
    assert load(path)(texts) == load(tmp_path / "earlier")(texts)


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 100_000, '{"a": NaN}', "\udcff", "\0"])
def test_a_manifest_that_is_no_json_object_is_refused(tiny_bundle: Path, text: str) -> None:
    (tiny_bundle / "bundle.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BundleError, match=r"bundle\.json"):
        read_bundle(tiny_bundle)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff" * 8,
        (10**9).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{x",
        (2).to_bytes(8, "little") + b"{}" + b"rest",
    ],
)
def test_a_forged_part_is_refused(tiny_bundle: Path, header: bytes) -> None:
    replace_part(tiny_bundle, "encoder", header or b"short")
    with pytest.raises(BundleError, match="encoder-"):
        read_bundle(tiny_bundle)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},  # not at the start
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},  # beyond the end
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]},  # too small for its shape
        {"dtype": "F32", "shape": [-2, -1], "data_offsets": [0, 8]},
        {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2]},
        "F32",
    ],
)
def test_a_forged_header_entry_is_refused(tiny_bundle: Path, entry: object) -> None:
    header = json.dumps({"classifier.bias": entry}).encode()
    replace_part(tiny_bundle, "encoder", len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(BundleError, match="encoder-"):
        read_bundle(tiny_bundle)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("classifier.bias", np.nan, "finite"),
        ("classifier.bias", np.inf, "finite"),
        ("classifier.weight.scale", np.nan, "scales"),
        ("classifier.weight.scale", np.inf, "scales"),
        ("classifier.weight.scale", -1, "scales"),
        ("classifier.weight.scale", 6e4, "scales"),
    ],
)
def test_values_that_no_weight_can_have_are_refused(
    tiny_bundle: Path, name: str, value: float, message: str
) -> None:
    arrays = load_file(part(tiny_bundle, "heads"))
    arrays[name][-1] = value
    replace_part(tiny_bundle, "heads", save(arrays))
    with pytest.raises(BundleError, match=message):
        read_bundle(tiny_bundle)


def test_scales_must_be_one_for_each_row(tiny_bundle: Path) -> None:
    arrays = load_file(part(tiny_bundle, "heads"))
    arrays["classifier.weight.scale"] = arrays["classifier.weight.scale"][:1]
    replace_part(tiny_bundle, "heads", save(arrays))
    with pytest.raises(BundleError, match="one for each row"):
        read_bundle(tiny_bundle)


def test_a_tokenizer_that_is_not_whole_gzip_is_refused(tiny_bundle: Path) -> None:
    for data, message in (
        (b"not gzip", "not gzip"),
        (gzip.compress(b"{}" * 99)[:-4], "incomplete"),
    ):
        (tiny_bundle / "tokenizer.json.gz").write_bytes(data)
        stored = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        edit_manifest(tiny_bundle, partial(set_file, name="tokenizer.json.gz", stored=stored))
        with pytest.raises(BundleError, match=message):
            read_bundle(tiny_bundle)


def test_writing_replaces_a_bundle_and_nothing_else(
    tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    path = make_bundle(tmp_path / "b", labels=("a", "b"))
    make_bundle(path, labels=("c", "d"))
    assert read_bundle(path).manifest.heads[0].labels == ("c", "d")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="will not be replaced"):
        make_bundle(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_weights_that_are_no_bundle_are_not_written(
    tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    tensors = dict(read_bundle(make_bundle(tmp_path / "good")).tensors)
    tensors["classifier.bias"] = np.array([0, np.nan], np.float32)
    with pytest.raises(BundleError, match="finite"):
        make_bundle(tmp_path / "bad", tensors=tensors)
    del tensors[WORD_TABLE]
    with pytest.raises(BundleError, match=WORD_TABLE):
        make_bundle(tmp_path / "bad", tensors=tensors)
    assert [file.name for file in tmp_path.iterdir()] == ["good"]


def test_a_full_disk_leaves_nothing_behind(tiny_bundle: Path, tmp_path: Path) -> None:
    """The limit on the size of a file stands for the full disk: a write fails half-way."""
    bundle = read_bundle(tiny_bundle)
    manifest = bundle.manifest
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(BundleError, match="could not be written"):
            write_bundle(
                tmp_path / "new",
                heads=manifest.heads,
                architecture=manifest.architecture,
                tensors=bundle.tensors,
                tokenizer_json=bundle.tokenizer_json,
                provenance={},
                evaluation=[],
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


def test_a_killed_writer_leaves_the_old_bundle(tiny_bundle: Path) -> None:
    """The process dies between the files of the new bundle."""
    script = f"""
import os, sys
from dataclasses import replace
from pathlib import Path
from squeezebert.bundle import read_bundle, write_bundle
bundle = read_bundle({str(tiny_bundle)!r})
fields = {{f: getattr(bundle.manifest, f) for f in ("architecture", "provenance", "evaluation")}}
heads = [replace(bundle.manifest.heads[0], labels=("new", "labels"))]
write = Path.write_bytes
written = []
def dying_write(path, data):
    written.append(path)
    if len(written) == 3:
        write(path, data[: len(data) // 2])
        os.kill(os.getpid(), 9)
    return write(path, data)
Path.write_bytes = dying_write
write_bundle({str(tiny_bundle)!r}, heads=heads, tensors=bundle.tensors,
    tokenizer_json=bundle.tokenizer_json, **fields)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    assert read_bundle(tiny_bundle).manifest.heads[0].labels == ("negative", "positive")
