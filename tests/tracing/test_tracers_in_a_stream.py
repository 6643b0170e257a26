"""Tracers in the residual stream of tiny random models: they follow their host, move nothing, and obey its Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gasfield.errors import InputError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_streams import IDS, KINDS, LAST, LAYERS, WIDTH, host, model  # noqa: E402

from gasfield.tracing import passive  # noqa: E402
from gasfield.tracing.jacobian import jacobian, tangents_of  # noqa: E402
from gasfield.tracing.passive import follow, run_host  # noqa: E402
from gasfield.tracing.response import response  # noqa: E402


def distance(kind: str, attention: str = "sdpa", double: bool = False) -> float:
    """How far tracers without offset are from their hosts, all tokens and frames, relative to the host."""
    text = host(kind, attention, double)
    frames = follow(text, text.stream[0].clone(), range(text.length))
    return max(float(((x - text.stream[f]).norm(dim=1) / text.stream[f].norm(dim=1)).max()) for f, x in frames)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_tracer_without_offset_is_its_host(kind: str, attention: str) -> None:
    assert distance(kind, attention) < 1e-6


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_in_float64_it_is_so_to_rounding(kind: str) -> None:
    assert distance(kind, "sdpa", double=True) < 1e-14


def test_a_tracer_that_also_attends_to_its_host_departs_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the host's own key beside its own, attention counts the token twice."""
    right = passive._mask

    def wrong(read: Any, hosts: Any, first: int, dtype: Any) -> Any:
        mask = right(read, hosts, first, dtype)
        mask[0, 0, hosts < first, hosts[hosts < first]] = 0
        return mask

    monkeypatch.setattr(passive, "_mask", wrong)
    assert distance("llama") > 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_the_host_has_the_same_bits_as_without_tracers(kind: str) -> None:
    text, module = host(kind), model(kind).module
    with torch.inference_mode():
        theirs = module(torch.tensor([IDS]), output_hidden_states=True, use_cache=False)
    for layer, state in enumerate(theirs.hidden_states[:-1]):
        assert torch.equal(text.stream[2 * layer], state[0])
    assert torch.equal(text.logits, theirs.logits[0, -1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_lattice_is_mapped_by_the_jacobian(kind: str) -> None:
    """Central differences over h are off by a multiple of h^2, and by the rounding of norms (float32) over h."""
    text, spacing, token = host(kind, double=True), 3e-3, LAST - 1
    ends = torch.eye(WIDTH, dtype=torch.float64) * spacing
    x = text.stream[0][token] + torch.cat([ends, -ends])
    for frame, moved in follow(text, x, [token] * len(x)):
        differences = ((moved[:WIDTH] - moved[WIDTH:]) / (2 * spacing)).T
        exact = jacobian(text, token, frame)
        assert (differences - exact).norm() < 1e-3 * exact.norm()
    assert frame == 2 * LAYERS


def test_a_tracer_started_later_has_the_rest_of_the_path() -> None:
    text = host("llama")
    x = text.stream[0][[4, 7]] + 0.1
    whole = dict(follow(text, x, [4, 7]))
    rest = dict(follow(text, whole[3], [4, 7], start=3))
    assert list(rest) == [3, 4, 5, 6]
    assert torch.equal(rest[6], whole[6])


def test_tracers_do_not_depend_on_those_beside_them_beyond_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    text = host("llama")
    x, hosts = text.stream[0].repeat(3, 1) * 1.01, list(range(text.length)) * 3
    *_, (_, whole) = follow(text, x, hosts)
    monkeypatch.setattr(passive, "BLOCK", 4)
    *_, (_, parts) = follow(text, x, hosts)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5)


def test_the_map_of_a_token_that_all_others_precede_is_the_response_of_the_text() -> None:
    """The last token is attended to by none: displacing it in the text moves it as a tracer, and nobody else."""
    text, vector = host("llama", double=True), torch.ones(1, WIDTH, dtype=torch.float64)
    found = response(model("llama", double=True), IDS, [-1], amplitude=3e-3, directions=vector)
    for frame, moved in tangents_of(text, torch.tensor([LAST]), vector / WIDTH**0.5):
        assert found.moved[frame, 0, LAST] == pytest.approx(float(moved.norm()), rel=1e-3)
    assert not found.moved[:, :, :LAST].any()
    assert not found.crossing.any()


def test_only_successors_respond_and_the_response_is_linear() -> None:
    found = response(model("gpt_neox, sequential", double=True), IDS, [4, 0], layer=1, amplitude=1e-4)
    assert found.frames.tolist() == [2, 3, 4, 5, 6]
    assert not found.moved[:, 0, :4].any()
    assert (found.moved[1:, 0, 5:] > 0).all()
    assert (found.moved[1:, 1, 1:] > 0).all()
    np.testing.assert_allclose(found.moved[0, [0, 1], [4, 0]], 1.0, rtol=1e-9)
    assert found.nonlinearity.max() < 1e-3
    large = response(model("gpt_neox, sequential", double=True), IDS, [4], layer=1, amplitude=0.5)
    assert large.nonlinearity.max() > 1e-2


def test_what_is_not_there_is_refused() -> None:
    text, x = host("gpt_neox, parallel"), torch.zeros(2, WIDTH)
    for given, message in (
        ((x, [0, 11]), r"there is no token 11; the text has 11: 0 to 10, or -1 to -11"),
        ((x, [0]), r"have the shape \(2, 16\); \(1, 16\) is needed"),
        ((x[:, :5], [0, 1]), r"have the shape \(2, 5\); \(2, 16\) is needed"),
        ((x, [0, 1], 3), r"no frame 3; the model has 0 to 6, even numbers only"),
        ((x, [0, 1], 8), r"no frame 8; the model has 0 to 6"),
    ):
        with pytest.raises(InputError, match=message):
            next(follow(text, *given))
    with pytest.raises(InputError, match="the model has 3 layers: 0 to 2"):
        response(model("gpt2"), IDS, [0], layer=3)
    with pytest.raises(InputError, match="vectors of 16 numbers are needed"):
        response(model("gpt2"), IDS, [0], directions=torch.ones(1, 4))


def test_an_attention_that_may_ignore_masks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model("llama").module.config, "_attn_implementation_internal", "flash_attention_2")
    with pytest.raises(InputError, match="computed by 'flash_attention_2', which may ignore the mask"):
        run_host(model("llama"), IDS)
