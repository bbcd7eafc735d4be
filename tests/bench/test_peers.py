import pytest

from squeezebert.bench.peers import ENGINES, PEER_MODELS, choose_peers
from squeezebert.errors import InputError


def test_all_and_none() -> None:
    everything = choose_peers("all")
    assert everything.models == PEER_MODELS
    assert everything.frameworks == tuple(ENGINES)
    assert everything.left_out == ()
    nothing = choose_peers("none")
    assert not nothing.models
    assert not nothing.frameworks


def test_a_quick_run_leaves_out_what_no_goal_needs() -> None:
    quick = choose_peers("all", quick=True)
    assert [model.name for model in quick.models] == ["squeezebert", "bert-base", "minilm"]
    assert quick.left_out == ("distilbert and mobilebert: not in a quick run, unless named",)
    assert choose_peers("mobilebert", quick=True).models == PEER_MODELS[-1:]


def test_names_of_models_and_of_frameworks_choose_each_for_itself() -> None:
    peers = choose_peers("bert-base, torch")
    assert [model.name for model in peers.models] == ["bert-base"]
    assert peers.frameworks == ("torch",)
    assert choose_peers("torch").models == PEER_MODELS
    assert choose_peers("minilm").frameworks == tuple(ENGINES)


def test_an_unknown_name_brings_near_ones() -> None:
    with pytest.raises(InputError, match=r"no peer 'bert-bass'. Did you mean 'bert-base'"):
        choose_peers("openvino,bert-bass")
