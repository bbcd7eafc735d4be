"""What others may rely on: the public names, and what importing them costs."""

import subprocess
import sys
from importlib import import_module

import pytest

PUBLIC = {
    "squeezebert": """
        Answer BundleError CheckpointError Classification Classifier DataError Embedder Entities
        Entity EntityFinder FewShotClassifier InputError MissingExtraError MultiTaskPipeline
        QualityGateError QuestionAnswerer SqueezeBertError TextSearch ZeroShotClassifier __version__
        learn load
    """,
    "squeezebert.bundle": """
        Architecture BlockQuantised Bundle FeatureRecipe HeadSpec Manifest OUT_OF_SCOPE Quantised
        Scheme StoredFile Task TaskSpec Tensor TensorScheme combine_bundles find_bundle
        installed_bundles installed_checkpoints look_up read_bundle write_bundle
    """,
    "squeezebert.runtime": "Engine Linear NativeEngine NumpyEngine PackedBatch load_engine",
    "squeezebert.pipelines": """
        Answer Candidate Classification Classifier Embedder Embedding Entities Entity EntityFinder
        Guess Guesses HiddenWord Match MultiTaskPipeline Pipeline QuestionAnswerer SearchResult
        Similarity TextSearch WordEntity WordGuesser ZeroShotClassifier load
    """,
    "squeezebert.learn": "FewShotClassifier LearntModel NothingLearntError learn",
    "squeezebert.serve": "Limits Server Settings sources_of",
    "squeezebert.scale": "Answer Job Outcome answer_files claim_folder jobs_of",
    "squeezebert.evaluation": "ClassScores Evaluation evaluate",
    "squeezebert.export": "Comparison Export export_checkpoint export_several",
    "squeezebert.model": """
        SqueezeBertConfig SqueezeBertForMaskedLM SqueezeBertForMultipleChoice
        SqueezeBertForPreTraining SqueezeBertForQuestionAnswering
        SqueezeBertForSequenceClassification SqueezeBertForTokenClassification SqueezeBertModel
        SqueezeBertPreTrainedModel SqueezeBertSeparableConfig
    """,
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_these_and_exist(module: str) -> None:
    imported = import_module(module)
    assert sorted(imported.__all__) == sorted(PUBLIC[module].split())
    for name in imported.__all__:
        assert getattr(imported, name) is not None


def test_a_public_name_that_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        import_module("squeezebert").lod  # noqa: B018 -- looking is what fails


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import squeezebert", "numpy tokenizers typer torch transformers"),
        ("from squeezebert import load", "typer rich torch transformers datasets sklearn"),
        ("import squeezebert.learn", "torch transformers datasets sklearn scipy typer"),
        ("import squeezebert.bundle, squeezebert.runtime, squeezebert.tokenizer", "torch"),
        ("import squeezebert.serve", "torch transformers datasets sklearn typer"),
        ("import squeezebert.scale", "torch transformers datasets sklearn typer ray pyarrow"),
    ],
)
def test_importing_brings_no_more_than_it_needs(statement: str, absent: str) -> None:
    script = f"import sys; {statement}; print(sorted(set({absent.split()}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_learning_has_the_name_of_its_room() -> None:
    script = (
        "import squeezebert\n"
        "for _ in range(2):\n"
        "    try: squeezebert.learn([])\n"
        "    except squeezebert.DataError: print('called')\n"
        "    import squeezebert.learn.classifier\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "called\n" * 2
