"""Stage 1, the autoencoder: `python -m train.vae --run RUN`.

Rendered clips are made on the fly and never repeat. Three steps of four see windows about an object, cheaper than the
whole frame and full of what is hard: moving edges. The loss is an absolute error, a squared error and an absolute
error of spatial gradients, all heavier on the objects, plus a very small KL term. Started again with the same --run,
it goes on from the last saved state; with --init it starts from the autoencoder of a diffusers folder. Under torchrun every process has clips of
its own.
"""

import argparse
import time
from random import Random

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLWan
from torch import Tensor

from render.draw import render, render_with_mask
from render.scene import sample_scene

from .average import Average
from .optimizer import MuonAdam
from .processes import Processes
from .run_folder import RunFolder, rate_factor
from .vae_model import decode_clip, encode_clip, from_folder, make_vae, use_fast_norm

VALIDATION_SEED = 1 << 40  # far above any training seed
OBJECT_WEIGHT, GRADIENT_WEIGHT, SQUARE_WEIGHT, KL_WEIGHT = 4.0, 0.5, 0.5, 1e-4


def to_signed(clips: Tensor) -> Tensor:
    """uint8 [b, frames, 3, h, w] to [b, 3, frames, h, w] in [-1, 1]."""
    return (clips.float() / 127.5 - 1).permute(0, 2, 1, 3, 4)


def psnr(decoded: Tensor, frames: Tensor) -> Tensor:
    """Decibels per clip, for values in [-1, 1]."""
    error = ((decoded.clamp(-1, 1) - frames) ** 2).mean(dim=(1, 2, 3, 4))
    return 10 * torch.log10(4 / error)


def make_batch(first_seed: int, count: int, window: int) -> tuple[Tensor, Tensor]:
    """Frames [b, 3, 17, w, w], and the loss weights [b, 1, 17, w, w]: heavier on objects and a pixel around them."""
    drawn = [draw_window(first_seed + i, window) for i in range(count)]
    frames = to_signed(torch.stack([clip for clip, _ in drawn]))
    near = [F.max_pool2d((mask > 0).float(), 3, 1, 1) for _, mask in drawn]
    return frames, 1 + OBJECT_WEIGHT * torch.stack(near).permute(0, 2, 1, 3, 4)


def draw_window(seed: int, window: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """A clip and its object mask, cut to a square around some object at some frame; the cut stands still."""
    scene, rng = sample_scene(seed), Random(seed)
    clip, mask = render_with_mask(scene, size)
    track, frame = scene.on_screen(rng.choice(scene.actors)), rng.randrange(scene.frames)
    corner = [round(v[frame] * size + rng.gauss(0, 6) - window / 2) for v in (track.y, track.x)]
    top, left = (min(max(v, 0), size - window) for v in corner)
    return tuple(v[..., top : top + window, left : left + window] for v in (clip, mask))


def vae_loss(vae: AutoencoderKLWan, frames: Tensor, weights: Tensor) -> tuple[Tensor, float]:
    """The loss, and the plain mean absolute error of it."""
    mean, log_variance = encode_clip(vae, frames)
    latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    error = decode_clip(vae, latents) - frames
    absolute, square = (weights * error.abs()).mean(), (weights * error**2).mean()
    across = (weights[..., 1:] * error.diff(dim=-1).abs()).mean()
    down = (weights[..., 1:, :] * error.diff(dim=-2).abs()).mean()
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
    loss = absolute + SQUARE_WEIGHT * square + GRADIENT_WEIGHT * (across + down) + KL_WEIGHT * kl
    return loss, error.detach().abs().mean().item()


@torch.no_grad()
def validate(vae: AutoencoderKLWan, clips: Tensor) -> float:
    frames = to_signed(clips)
    parts = [psnr(decode_clip(vae, encode_clip(vae, part)[0]), part) for part in frames.split(4)]
    return torch.cat(parts).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="folder for state, log and process id")
    parser.add_argument("--init", help="diffusers folder of an autoencoder to start from")
    parser.add_argument("--freeze-encoder", action="store_true", help="train the decoder alone: latents stay as they are")
    parser.add_argument("--steps", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=3, help="whole clips a step and process, or half as many as windows")
    parser.add_argument("--window", type=int, default=40, help="side of the windows in pixels; 64 trains on whole frames")
    parser.add_argument("--matrix-rate", type=float, default=5e-3, help="Muon's learning rate")
    parser.add_argument("--vector-rate", type=float, default=3e-3, help="AdamW's learning rate")
    parser.add_argument("--decay-share", type=float, default=0.3, help="last share of the steps, rates fall to zero")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the weights' moving average")
    parser.add_argument("--first-seed", type=int, default=0, help="of the first clip; keep runs apart by it")
    parser.add_argument("--bfloat16", action="store_true", help="for processors with AVX512-BF16 or AMX; elsewhere slow")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-seconds", type=float, default=180)
    parser.add_argument("--report-seconds", type=float, default=300)
    options = parser.parse_args()
    train(options)


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    use_fast_norm()
    processes = Processes()
    folder = RunFolder(options.run, "vae", processes.lead)
    state = folder.load()
    if state:
        vae = make_vae(state["config"])
    else:
        vae = from_folder(options.init) if options.init else make_vae()
    vae.train()
    for part in (vae.encoder, vae.quant_conv):
        part.requires_grad_(not options.freeze_encoder)
    config = {key: value for key, value in vae.config.items() if not key.startswith("_")}
    optimizer = MuonAdam(
        vae.named_parameters(),
        lambda name, w: w.ndim >= 4 and w.shape[0] > 1,
        options.matrix_rate,
        options.vector_rate,
        bfloat16=options.bfloat16,
    )
    average = Average(list(vae.parameters()), options.average)
    step = clips = 0
    if state:
        vae.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        average.load_state_dict(state["average"])
        step, clips = state["step"], state["clips"]
    torch.manual_seed(step * processes.count + processes.rank)
    validation = torch.stack([render(sample_scene(VALIDATION_SEED + i)) for i in range(32)])

    def save() -> None:
        folder.save(
            {
                "config": config,
                "weights": vae.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict(),
                "step": step,
                "clips": clips,
            }
        )

    saved = reported = time.monotonic()
    errors: list[float] = []
    stopping = False
    while step < options.steps and not stopping:
        whole = step % 4 == 0
        count, window = (options.batch, 64) if whole else (2 * options.batch, options.window)
        frames, weights = make_batch(options.first_seed + clips + processes.rank * count, count, window)
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            loss, error = vae_loss(vae, frames, weights)
        loss.backward()
        processes.average_gradients(average.weights)
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        factor = rate_factor(step, options.steps, 50, options.decay_share)
        optimizer.step(factor)
        optimizer.zero_grad()
        average.update()
        errors.append(error)
        step, clips = step + 1, clips + count * processes.count
        stopping = processes.any(folder.stopping)
        if not processes.lead:
            continue
        now = time.monotonic()
        if now - saved > options.save_seconds or step == options.steps or stopping:
            save()
            saved = now
        if now - reported > options.report_seconds or step == options.steps:
            with average.swapped_in():
                quality = validate(vae, validation)
            folder.log(
                step=step,
                clips=clips,
                mean_absolute_error=sum(errors) / len(errors),
                validation_psnr=quality,
                rate=factor,
                steps_per_second=len(errors) / (now - reported),
            )
            errors.clear()
            reported = time.monotonic()


if __name__ == "__main__":
    main()
