"""Checkpoint to bundle: quantise, verify, score, write."""

from squeezebert.export.export import Export, export_checkpoint
from squeezebert.export.gate import Comparison
from squeezebert.export.quantise import quantise_rows

__all__ = ["Comparison", "Export", "export_checkpoint", "quantise_rows"]
