"""Makes transformers' Auto classes build the models of this package for its model types."""

import transformers

from squeezebert.model import heads, pretraining
from squeezebert.model.config import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.model.encoder import SqueezeBertModel


def register() -> None:
    """Registers both model types.

    transformers has a ``squeezebert`` of its own: from here on, its Auto classes read such a
    checkpoint with our configuration and so build our model, which computes the same function.
    Its own classes, when named, are untouched.
    """
    for config in (SqueezeBertConfig, SqueezeBertSeparableConfig):
        transformers.AutoConfig.register(config.model_type, config, exist_ok=True)
        transformers.AutoTokenizer.register(
            config, tokenizer_class=transformers.BertTokenizer, exist_ok=True
        )
        for auto, model in (
            (transformers.AutoModel, SqueezeBertModel),
            (transformers.AutoModelForMaskedLM, pretraining.SqueezeBertForMaskedLM),
            (transformers.AutoModelForPreTraining, pretraining.SqueezeBertForPreTraining),
            (
                transformers.AutoModelForSequenceClassification,
                heads.SqueezeBertForSequenceClassification,
            ),
            (transformers.AutoModelForTokenClassification, heads.SqueezeBertForTokenClassification),
            (transformers.AutoModelForQuestionAnswering, heads.SqueezeBertForQuestionAnswering),
            (transformers.AutoModelForMultipleChoice, heads.SqueezeBertForMultipleChoice),
        ):
            # Not auto.register: that allows a model one configuration class only. The mapping's own
            # annotation asks for instances where it stores classes.
            auto._model_mapping.register(config, model, exist_ok=True)  # type: ignore[arg-type]  # see above
