"""The autoencoder: diffusers' AutoencoderKLWan at a small size, and a forward over whole clips for training.

diffusers runs this autoencoder in chunks (1 frame, then 4 at a time) with a cache of past activations. The layers are
causal, so the same numbers come out of one pass over the whole clip, about twice as fast and with fewer copies;
`test_vae_model.py` compares the two. Decoding here does not clamp, so that gradients reach every pixel.
"""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import WanResample, WanRMS_norm, patchify, unpatchify
from torch import Tensor, nn

CONFIG = {
    "base_dim": 32,
    "decoder_base_dim": 48,
    "z_dim": 48,
    "dim_mult": [1, 1, 1],
    "num_res_blocks": 1,
    "temperal_downsample": [True, True],
    "is_residual": True,
    "patch_size": 4,
    "in_channels": 48,  # 3 x patch_size^2
    "out_channels": 48,
    "scale_factor_spatial": 16,
    "scale_factor_temporal": 4,
}


def make_vae(config: dict = CONFIG) -> AutoencoderKLWan:
    """A fresh autoencoder, with conv weights laid out channels last, which CPUs run up to three times faster."""
    z = config["z_dim"]
    vae = AutoencoderKLWan(**{"latents_mean": [0.0] * z, "latents_std": [1.0] * z, **config})
    return channels_last(vae)


def from_folder(folder: str) -> AutoencoderKLWan:
    """A diffusers folder's autoencoder, in single precision."""
    return channels_last(AutoencoderKLWan.from_pretrained(folder).float())


def channels_last(vae: AutoencoderKLWan) -> AutoencoderKLWan:
    for module in vae.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
        elif isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return vae


def encode_clip(vae: AutoencoderKLWan, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Frames [b, 3, 4k + 1, h, w] in [-1, 1] to the posterior's mean and log-variance, [b, z, k + 1, h / s, w / s]."""
    x = patchify(frames, vae.config.patch_size).contiguous(memory_format=torch.channels_last_3d)
    encoder = vae.encoder
    x = encoder.conv_in(x)
    for block in encoder.down_blocks:
        shortcut = block.avg_shortcut(x)
        for resnet in block.resnets:
            x = resnet(x)
        if block.downsampler is not None:
            x = downsample(block.downsampler, x)
        x = x + shortcut
    x = encoder.mid_block(x)
    x = vae.quant_conv(encoder.conv_out(F.silu(encoder.norm_out(x))))
    mean, log_variance = x.chunk(2, dim=1)
    return mean, log_variance.clamp(-30, 20)


def decode_clip(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Latents [b, z, k + 1, h, w] to frames [b, 3, 4k + 1, h * s, w * s], not clamped to [-1, 1]."""
    decoder = vae.decoder
    x = vae.post_quant_conv(latents.contiguous(memory_format=torch.channels_last_3d))
    x = decoder.mid_block(decoder.conv_in(x))
    for block in decoder.up_blocks:
        shortcut = x
        for resnet in block.resnets:
            x = resnet(x)
        if block.upsampler is not None:
            x = upsample(block.upsampler, x) + block.avg_shortcut(shortcut, first_chunk=True)
    x = decoder.conv_out(F.silu(decoder.norm_out(x)))
    return unpatchify(x, vae.config.patch_size)


def downsample(layer: WanResample, x: Tensor) -> Tensor:
    """Half the size; and half the frames after the first, which passes alone."""
    x = per_frame(layer.resample, x)
    if layer.mode != "downsample3d":
        return x
    return torch.cat([x[:, :, :1], layer.time_conv(x)], dim=2)  # windows of 3 frames, starting at 0, 2, 4, ...


def upsample(layer: WanResample, x: Tensor) -> Tensor:
    """Twice the size; and twice the frames after the first, which the time convolution never sees."""
    if layer.mode == "upsample3d" and x.shape[2] > 1:
        b, c, t, h, w = x.shape
        later = layer.time_conv(x[:, :, 1:]).view(b, 2, c, t - 1, h, w)
        later = torch.stack((later[:, 0], later[:, 1]), dim=3).reshape(b, c, 2 * (t - 1), h, w)
        x = torch.cat([x[:, :, :1], later], dim=2)
    return per_frame(layer.resample, x)


def per_frame(layer: nn.Module, x: Tensor) -> Tensor:
    b, c, t, h, w = x.shape
    x = layer(x.permute(0, 2, 1, 3, 4).reshape(b * t, c, h, w))
    return x.view(b, t, *x.shape[1:]).permute(0, 2, 1, 3, 4)


def use_fast_norm() -> None:
    """Replaces the norm's forward by one with fewer passes over memory; the same function of the input."""
    WanRMS_norm.forward = fast_norm


def fast_norm(self: WanRMS_norm, x: Tensor) -> Tensor:
    return RmsNorm.apply(x, self.gamma, self.scale)


class RmsNorm(torch.autograd.Function):
    """x / |x| * scale * gamma along channels."""

    @staticmethod
    def forward(ctx, x: Tensor, gamma: Tensor, scale: float) -> Tensor:
        inverse = scale / torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp_min(1e-12)
        unit = x * inverse
        ctx.save_for_backward(unit, inverse, gamma)
        return unit * gamma

    @staticmethod
    def backward(ctx, grad: Tensor):
        unit, inverse, gamma = ctx.saved_tensors  # |unit|^2 = channels
        product = grad * unit
        over = [d for d in range(grad.ndim) if d != 1]
        grad_gamma = product.sum(over).view_as(gamma)
        direction = grad * gamma
        along = (direction * unit).mean(1, keepdim=True)
        return (direction - unit * along) * inverse, grad_gamma, None
