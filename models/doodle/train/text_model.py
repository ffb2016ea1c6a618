"""The text encoder: a two-layer UMT5 encoder, trained together with the transformer."""

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from .tokenizer import MAX_TOKENS

WIDTH = 128


def make_text_encoder(vocabulary: int) -> UMT5EncoderModel:
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=vocabulary,
            d_model=WIDTH,
            d_kv=32,
            d_ff=256,
            num_layers=2,
            num_heads=4,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            relative_attention_num_buckets=32,
            tie_word_embeddings=False,
            is_encoder_decoder=False,
            use_cache=False,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
        )
    )


def tokenize(tokenizer: PreTrainedTokenizerFast, captions: list[str]) -> Tensor:
    """Token ids [n, 32], zero where there is padding; the last is always padding."""
    ids = tokenizer(captions, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt").input_ids
    ids[:, -1] = 0
    return ids


def encode_text(encoder: UMT5EncoderModel, ids: Tensor) -> Tensor:
    """Embeddings [n, 32, 128], zero at padding as the Wan pipelines make them."""
    mask = (ids != 0).to(torch.int64)
    return encoder(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
