import pytest
import torch
import transformers

from squeezebert.model import SqueezeBertConfig, SqueezeBertModel


@pytest.mark.slow
def test_the_papers_shape_computes_what_stock_does() -> None:
    torch.manual_seed(0)
    ours = SqueezeBertModel(SqueezeBertConfig()).train(mode=False)
    stock = transformers.SqueezeBertModel(transformers.SqueezeBertConfig()).train(mode=False)
    stock.load_state_dict(ours.state_dict())
    ids = torch.randint(1000, 30000, (2, 128))
    with torch.no_grad():
        difference = ours(ids).last_hidden_state - stock(ids).last_hidden_state
    assert difference.abs().max() <= 1e-5
