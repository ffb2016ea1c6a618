"""Stage 4, the denoiser and its text encoder: `python -m train.dit --run RUN --latents FOLDER --tokenizer FOLDER`.

Flow matching: latents x0 and noise n mix to (1 - sigma) x0 + sigma n, and the model learns the velocity n - x0.
Some latent frames stay clean (sigma 0) and are not scored, which teaches image, keyframe and interpolation
conditions; some captions are dropped, for guidance. Started again with the same --run, it goes on from the last state.
Under torchrun every process has a batch of its own.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, UMT5EncoderModel

from render.captions import describe
from render.scene import sample_scene

from .average import Average
from .dit_model import make_dit, velocity
from .encode import shard_wish
from .optimizer import MuonAdam
from .processes import Processes
from .run_folder import RunFolder, rate_factor
from .text_model import encode_text, make_text_encoder, tokenize

CAPTIONS = 4  # wordings of each clip
DROPPED_CAPTIONS = 0.1
CLEAN_FIRST, CLEAN_ENDS, CLEAN_RANDOM = 0.18, 0.07, 0.10  # shares of clips with given latent frames
FIRST_FRAME_WEIGHT = 2.0  # the frame that all others follow is the one that looks worst when it is scored like them
TEXT_ROWS = (32.0, 512.0)  # this model's limit, and diffusers' default


@dataclass
class DataSet:
    latents: Tensor  # f16 [n, c, t, h, w], not normalised
    tokens: Tensor  # int16 [n, wordings, 32]
    mean: Tensor  # [1, c, 1, 1, 1]
    std: Tensor


def load_data(folder: str, tokenizer: PreTrainedTokenizerFast) -> DataSet:
    shards = [torch.load(path, weights_only=True) for path in sorted(Path(folder).glob("latents-*.pt"))]
    latents = torch.cat([shard["latents"] for shard in shards])
    tokens = []
    for shard in shards:
        seeds = range(shard["first_seed"], shard["first_seed"] + len(shard["latents"]))
        scenes = [sample_scene(seed, shard_wish(shard["hard"])) for seed in seeds]
        texts = [describe(scene, Random(scene.seed + k)) for scene in scenes for k in range(CAPTIONS)]
        tokens.append(tokenize(tokenizer, texts).to(torch.int16).view(len(seeds), CAPTIONS, -1))
    sample = latents[:4096].float()
    mean, std = sample.mean((0, 2, 3, 4), keepdim=True), sample.std((0, 2, 3, 4), keepdim=True)
    return DataSet(latents, torch.cat(tokens), mean, std)


def load_checkpoint(folder: str) -> tuple[nn.ModuleDict, Tensor, Tensor, dict]:
    """The model of a diffusers folder, the mean and deviation of its latents, and the arguments of make_dit."""
    dit = WanTransformer3DModel.from_pretrained(folder, subfolder="transformer").float().train()
    text_encoder = UMT5EncoderModel.from_pretrained(folder, subfolder="text_encoder").float().train()
    vae = AutoencoderKLWan.load_config(folder, subfolder="vae")
    mean, std = (torch.tensor(vae[f"latents_{name}"]).view(1, -1, 1, 1, 1) for name in ("mean", "std"))
    size = {"latent_channels": dit.config.in_channels, "patch": dit.config.patch_size[1], "layers": dit.config.num_layers}
    return nn.ModuleDict({"transformer": dit, "text_encoder": text_encoder}), mean, std, size


def clean_frames(count: int, frames: int, rng: Random) -> Tensor:
    """[n, frames], 1 where a latent frame is given."""
    clean = torch.zeros(count, frames)
    for row in clean:
        choice = rng.random()
        if choice < CLEAN_FIRST:
            row[0] = 1
        elif choice < CLEAN_FIRST + CLEAN_ENDS:
            row[0] = row[-1] = 1
        elif choice < CLEAN_FIRST + CLEAN_ENDS + CLEAN_RANDOM:
            row[rng.sample(range(frames), rng.randint(1, 3))] = 1
    return clean


def draw_sigma(count: int, shift: float) -> Tensor:
    """Logit-normal, shifted towards noise (Esser et al. 2024, "Scaling Rectified Flow Transformers", equation 23)."""
    u = torch.sigmoid(torch.randn(count))
    return shift * u / (1 + (shift - 1) * u)


def dit_loss(
    model: nn.ModuleDict, data: DataSet, count: int, shift: float, rng: Random, device: torch.device, compiled: bool
) -> Tensor:
    index = torch.randint(len(data.latents), (count,))
    x0 = ((data.latents[index].float() - data.mean) / data.std).to(device)
    tokens = data.tokens[index, torch.randint(CAPTIONS, (count,))].long()
    empty = torch.zeros_like(tokens[0])
    empty[0] = 1  # the empty prompt is one </s>
    tokens[torch.rand(count) < DROPPED_CAPTIONS] = empty
    clean = clean_frames(count, x0.shape[2], rng).to(device)
    sigma = draw_sigma(count, shift)[:, None].to(device) * (1 - clean)  # [b, t]
    level = sigma[:, None, :, None, None]
    noise = torch.randn(x0.shape).to(device)
    text = encode_text(model["text_encoder"], tokens.to(device))
    rows = torch.tensor(TEXT_ROWS)[torch.randint(len(TEXT_ROWS), (count,))].to(device)
    output = velocity(model["transformer"], (1 - level) * x0 + level * noise, sigma, text, rows, compiled)
    weight = 1 - clean
    weight[:, 0] *= FIRST_FRAME_WEIGHT
    error = ((output.float() - (noise - x0)) ** 2).mean((1, 3, 4))  # [b, t]
    return ((error * weight).sum(1) / weight.sum(1).clamp(min=1)).mean()


def is_matrix(name: str, weight: Tensor) -> bool:
    """Hidden matrices go to Muon; embeddings, the output layer and everything with fewer axes to AdamW."""
    edges = ("shared", "embed_tokens", "relative_attention_bias", "proj_out", "patch_embedding")
    return weight.ndim == 2 and not any(edge in name for edge in edges)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="folder for state, log and process id")
    parser.add_argument("--latents", required=True, help="folder that train.encode wrote")
    parser.add_argument("--tokenizer", required=True, help="folder that train.tokenizer wrote")
    parser.add_argument("--init", help="checkpoint folder whose denoiser, text encoder and latent statistics to start from")
    parser.add_argument("--patch", type=int, default=2, help="latent pixels a token, each way")
    parser.add_argument("--layers", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30_000)
    parser.add_argument("--batch", type=int, default=32, help="samples a step and process")
    parser.add_argument("--matrix-rate", type=float, default=2e-3, help="Muon's learning rate")
    parser.add_argument("--vector-rate", type=float, default=2e-3, help="AdamW's learning rate")
    parser.add_argument("--decay-share", type=float, default=0.5, help="last share of the steps, rates fall to zero")
    parser.add_argument("--sigma-shift", type=float, default=2.0, help="above 1: more noise, where layout is decided")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the weights' moving average")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="fuse the blocks' element-wise work with torch.compile")
    parser.add_argument("--bfloat16", action="store_true", help="for GPUs and processors with AVX512-BF16 or AMX; elsewhere slow")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-seconds", type=float, default=180)
    parser.add_argument("--report-seconds", type=float, default=120)
    train(parser.parse_args())


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # the output layer starts at zero, so first gradients are too small to compute fast with
    torch.manual_seed(0)
    device = torch.device(options.device)
    processes = Processes()
    folder = RunFolder(options.run, "dit", processes.lead)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.tokenizer)
    data = load_data(options.latents, tokenizer)
    size = {"latent_channels": data.latents.shape[1], "patch": options.patch, "layers": options.layers}
    state = folder.load()
    if state:
        size = state["size"]
    if options.init and not state:
        model, data.mean, data.std, size = load_checkpoint(options.init)
    else:
        model = nn.ModuleDict({"transformer": make_dit(**size), "text_encoder": make_text_encoder(len(tokenizer))})
    model = model.to(device)
    optimizer = MuonAdam(
        model.named_parameters(),
        is_matrix,
        options.matrix_rate,
        options.vector_rate,
        weight_decay=0.05,
        bfloat16=options.bfloat16,
    )
    average = Average(list(model.parameters()), options.average)
    step = samples = 0
    if state:
        model.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        average.load_state_dict(state["average"])
        step, samples = state["step"], state["samples"]
        data.mean, data.std = state["mean"], state["std"]
    seed = step * processes.count + processes.rank
    torch.manual_seed(seed)
    rng = Random(seed)

    def save() -> None:
        folder.save(
            {
                "size": size,
                "mean": data.mean,
                "std": data.std,
                "weights": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict(),
                "step": step,
                "samples": samples,
            }
        )

    saved = reported = time.monotonic()
    losses: list[float] = []
    stopping = False
    while step < options.steps and not stopping:
        factor = rate_factor(step, options.steps, 100, options.decay_share)
        with torch.autocast(device.type, torch.bfloat16, enabled=options.bfloat16):
            loss = dit_loss(model, data, options.batch, options.sigma_shift, rng, device, options.compile)
        loss.backward()
        processes.average_gradients(average.weights)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(factor)
        optimizer.zero_grad()
        average.update()
        losses.append(loss.item())
        step += 1
        samples += options.batch * processes.count
        stopping = processes.any(folder.stopping)
        if not processes.lead:
            continue
        now = time.monotonic()
        if now - saved > options.save_seconds or step == options.steps or stopping:
            save()
            saved = now
        if now - reported > options.report_seconds or step == options.steps:
            samples_per_second = len(losses) * options.batch * processes.count / (now - reported)
            folder.log(
                step=step,
                samples=samples,
                loss=sum(losses) / len(losses),
                rate=factor,
                samples_per_second=samples_per_second,
            )
            losses.clear()
            reported = now


if __name__ == "__main__":
    main()
