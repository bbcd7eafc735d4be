"""Checkpoint to bundle: quantise, verify, score, write."""

from squeezebert.export.classifier import Export, export_classifier
from squeezebert.export.gate import Comparison
from squeezebert.export.quantise import quantise_rows

__all__ = ["Comparison", "Export", "export_classifier", "quantise_rows"]
