"""The denoiser: diffusers' WanTransformer3DModel at a small size, and an equal but faster forward for training.

Three things make it faster. Timesteps differ between latent frames only, so their embedding is computed once a frame
instead of once a token. Attention is written out, since the fused kernel's backward is slow on CPUs. And padding of
the text, which Wan does not mask, is one row with a weight: n equal rows of keys and values add n e^s to the softmax's
sum, as one row with logit s + log n does, so training at 32 rows can stand for 512.
"""

import math
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from diffusers import WanTransformer3DModel
from torch import Tensor, nn

from .text_model import WIDTH
from .tokenizer import MAX_TOKENS

HEADS, HEAD_WIDTH, FEED_FORWARD = 4, 48, 640


def make_dit(latent_channels: int, patch: int, layers: int) -> WanTransformer3DModel:
    dit = WanTransformer3DModel(
        patch_size=(1, patch, patch),
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_WIDTH,
        in_channels=latent_channels,
        out_channels=latent_channels,
        text_dim=WIDTH,
        freq_dim=256,
        ffn_dim=FEED_FORWARD,
        num_layers=layers,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=64,
    )
    nn.init.zeros_(dit.proj_out.weight)
    nn.init.zeros_(dit.proj_out.bias)
    return dit


def velocity(
    dit: WanTransformer3DModel, latents: Tensor, sigma: Tensor, text: Tensor, text_rows: Tensor, compiled: bool = False
) -> Tensor:
    """The model's output for noisy latents.

    latents [b, c, t, h, w]; sigma [b, t] in [0, 1], one per latent frame; text [b, 32, d] with a zero last row;
    text_rows [b], how many rows of text the model should see, the rest of them zero. `compiled` fuses the element-wise
    work of a block (a minute of waiting once, then a fifth more samples a second on one core).
    """
    b, _, t, h, w = latents.shape
    patch = dit.config.patch_size[1]
    cos, sin = dit.rope(latents)
    rotary = cos[0, :, 0, 0::2].float(), sin[0, :, 0, 1::2].float()  # [tokens, head_width / 2]
    x = dit.patch_embedding(latents).flatten(2).transpose(1, 2)  # [b, tokens, d]
    x = x.unflatten(1, (t, -1))  # [b, t, tokens a frame, d]

    embedder = dit.condition_embedder
    time = embedder.time_embedder(embedder.timesteps_proj(sigma.flatten() * 1000)).view(b, t, -1)
    modulation = embedder.time_proj(F.silu(time)).view(b, t, 1, 6, -1)
    text = embedder.text_embedder(text)
    bias = torch.zeros(b, 1, 1, MAX_TOKENS, device=x.device)
    bias[..., -1] = torch.log(text_rows - (MAX_TOKENS - 1)).view(b, 1, 1)

    run = compiled_block() if compiled else run_block
    for block in dit.blocks:
        x = run(block, x, modulation, text, bias, rotary)

    shift, scale = (dit.scale_shift_table.view(1, 1, 1, 2, -1) + time.view(b, t, 1, 1, -1)).unbind(3)
    x = dit.proj_out(normalize(x) * (1 + scale) + shift)  # [b, t, tokens a frame, patch^2 c]
    x = x.view(b, t, h // patch, w // patch, patch, patch, -1)
    return x.permute(0, 6, 1, 2, 4, 3, 5).reshape(b, -1, t, h, w)


def run_block(block: nn.Module, x: Tensor, modulation: Tensor, text: Tensor, bias: Tensor, rotary) -> Tensor:
    parts = (block.scale_shift_table.view(1, 1, 1, 6, -1) + modulation).unbind(3)  # six of [b, t, 1, d]
    shift, scale, gate, feed_shift, feed_scale, feed_gate = parts
    x = x + attend(block.attn1, normalize(x) * (1 + scale) + shift, rotary=rotary) * gate
    x = x + attend(block.attn2, block.norm2(x), text, bias)
    return x + block.ffn(normalize(x) * (1 + feed_scale) + feed_shift) * feed_gate


@cache
def compiled_block() -> Callable:
    """run_block compiled once; all blocks of a model share the code."""
    return torch.compile(run_block, dynamic=False)


def normalize(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def attend(attention: nn.Module, x: Tensor, context: Tensor | None = None, bias: Tensor | None = None, rotary=None) -> Tensor:
    shape = x.shape
    x = x.flatten(1, -2)  # [b, tokens, d]
    context = x if context is None else context
    query, key = attention.norm_q(attention.to_q(x)), attention.norm_k(attention.to_k(context))
    query, key, value = (v.unflatten(2, (attention.heads, -1)) for v in (query, key, attention.to_v(context)))
    if rotary is not None:
        query, key = rotate(query, *rotary), rotate(key, *rotary)
    query, key, value = (v.transpose(1, 2) for v in (query, key, value))  # [b, heads, tokens, head_width]
    scores = (query * (1 / math.sqrt(query.shape[-1]))) @ key.transpose(-1, -2)
    if bias is not None:
        scores = scores + bias
    out = scores.softmax(-1).to(value.dtype) @ value
    return attention.to_out[0](out.transpose(1, 2).reshape(shape))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of neighbouring pairs, x [b, tokens, heads, head_width]."""
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2).type_as(x)
