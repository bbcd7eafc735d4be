"""Checkpoint to bundle: quantise, verify, score, write."""

from squeezebert.export.export import Export, export_checkpoint
from squeezebert.export.gate import Comparison
from squeezebert.export.several import export_several

__all__ = ["Comparison", "Export", "export_checkpoint", "export_several"]
