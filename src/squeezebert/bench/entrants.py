"""Which contenders there are for a bundle of ours and for a peer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from squeezebert.bench.contenders.contract import DESCRIPTION, MATRIX, Framework, Spec
from squeezebert.bench.contenders.conversion import (
    DYNAMIC_INT8,
    EXPORTED,
    FUSED,
    STATIC_INT8,
    convert,
)
from squeezebert.bench.machine import has_bf16
from squeezebert.bench.peers import ENGINES, PeerModel
from squeezebert.bundle.reading import read_manifest
from squeezebert.runtime import native_engine

_FILES = {
    ("torch", "eager"): "",  # the folder
    ("torch", "sdpa"): "",
    ("onnxruntime", "fp32"): FUSED,
    ("onnxruntime", "int8"): DYNAMIC_INT8,
    ("openvino", "fp32"): EXPORTED,
    ("openvino", "bf16"): EXPORTED,
    ("openvino", "int8"): STATIC_INT8,
}


@dataclass(frozen=True, slots=True)
class Ours:
    """A bundle of ours.

    Attributes:
        name: of its model, for the reader.
        bundle: its folder.
        threads: how many its engines may use.
    """

    name: str
    bundle: Path
    threads: int

    @property
    def native(self) -> bool:
        """Whether the native engine is built and can run it."""
        return native_engine.available() and native_engine.fits(
            read_manifest(self.bundle).architecture
        )

    @property
    def engines(self) -> list[Spec]:
        """The engine that a user gets, in each precision: native where it was built, else NumPy."""
        return [
            self.spec(kind) for kind in (("int8", "bf16", "fp32") if self.native else ("numpy",))
        ]

    @property
    def references(self) -> list[Spec]:
        """The engines that the others are checked against."""
        return [self.spec(kind) for kind in (("numpy", "torch") if self.native else ("torch",))]

    def spec(
        self,
        kind: str,
        threads: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Spec:
        """The contender that runs it in one kind of engine."""
        engine = kind if kind in ("numpy", "torch") else f"native {kind}"
        return Spec(
            self.name,
            engine,
            "ours",
            kind,
            str(self.bundle),
            threads or self.threads,
            environment=environment or {},
        )


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer in a folder of its own, converted for the frameworks that take part."""

    model: PeerModel
    folder: Path
    frameworks: Sequence[Framework]
    threads: int

    def convert(self) -> list[str]:
        """Writes the files that its engines read, of all frameworks side by side.

        It takes up to a minute.

        Returns:
            why some engines can't take part.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / DESCRIPTION).write_text(json.dumps(asdict(self.model)))
        return [
            f"{self.model.name}, {problem}"
            for problem in convert(self.folder, self.frameworks, self.threads)
        ]

    @property
    def engines(self) -> list[Spec]:
        """All whose files are there and that this machine can run at speed."""
        return [
            self.spec(framework, kind)
            for framework in self.frameworks
            for kind in ENGINES[framework]
            if (self.folder / _FILES[framework, kind]).exists()
            and (kind != "bf16" or has_bf16())
            and (kind != "sdpa" or self.model.model_type != "squeezebert")  # it has only eager
        ]

    def spec(
        self, framework: Framework, kind: str, environment: Mapping[str, str] | None = None
    ) -> Spec:
        """The contender that runs it in one engine."""
        return Spec(
            self.model.name,
            f"{framework} {kind}",
            framework,
            kind,
            str(self.folder / _FILES[framework, kind]),
            self.threads,
            int(self.model.settings.get("vocab_size", 30522)),
            environment or {},
        )


def matrix_products(frameworks: Sequence[Framework], threads: int) -> list[Spec]:
    """A large product in every precision that a library has fast code for."""
    kinds: dict[Framework, tuple[str, ...]] = {
        "torch": ("fp32", "bf16"),  # its int8 product takes minutes without VNNI
        "onnxruntime": ("fp32", "int8"),
        "openvino": ("fp32", "bf16", "int8"),
    }
    return [
        Spec(MATRIX, f"{framework} {kind}", framework, kind, threads=threads)
        for framework in frameworks
        for kind in kinds[framework]
        if kind != "bf16" or has_bf16()
    ]
