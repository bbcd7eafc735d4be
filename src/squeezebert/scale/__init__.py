"""Many files on many machines: files in, files out, through Ray Data."""

from squeezebert.scale.cluster import Answer, Outcome, answer_files
from squeezebert.scale.jobs import Job, claim_folder, jobs_of

__all__ = ["Answer", "Job", "Outcome", "answer_files", "claim_folder", "jobs_of"]
