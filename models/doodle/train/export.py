"""Stage 5, the checkpoint: `python -m train.export --vae RUN --dit RUN --tokenizer FOLDER --out FOLDER`.

Writes the diffusers folder in half precision from the averaged weights.
"""

import argparse
from pathlib import Path

import torch
from diffusers import UniPCMultistepScheduler, WanPipeline
from torch import nn
from transformers import PreTrainedTokenizerFast

from .dit_model import make_dit
from .evaluate_vae import load_vae
from .run_folder import RunFolder
from .text_model import make_text_encoder

WEIGHT_LIMIT_BYTES = 12_000_000


def load_dit(run: str, vocabulary: int) -> tuple[nn.ModuleDict, dict]:
    """The averaged transformer and text encoder of a run, and its state."""
    state = RunFolder.read(run, "dit")
    model = nn.ModuleDict({"transformer": make_dit(**state["size"]), "text_encoder": make_text_encoder(vocabulary)})
    model.load_state_dict(state["weights"])
    for weight, value in zip(model.parameters(), state["average"]["values"]):
        weight.data.copy_(value)
    return model.eval(), state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", help="run of train.vae")
    parser.add_argument("--vae-folder", help="or a diffusers folder of the autoencoder")
    parser.add_argument("--dit", required=True, help="run of train.dit")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    vae, _ = load_vae(options.vae_folder, options.vae)
    for module in vae.modules():  # channels last is for training only
        for name, weight in module.named_parameters(recurse=False):
            weight.data = weight.data.contiguous()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.tokenizer)
    model, state = load_dit(options.dit, len(tokenizer))
    vae.register_to_config(
        latents_mean=state["mean"].flatten().tolist(), latents_std=state["std"].flatten().tolist()
    )
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
    )
    pipeline = WanPipeline(
        tokenizer=tokenizer,
        text_encoder=model["text_encoder"],
        vae=vae,
        scheduler=scheduler,
        transformer=model["transformer"],
        expand_timesteps=True,
    )
    pipeline.to(torch.float16)
    pipeline.save_pretrained(options.out)
    size = sum(path.stat().st_size for path in Path(options.out).rglob("*.safetensors"))
    print(f"{size / 1e6:.2f} MB of weights")
    if size > WEIGHT_LIMIT_BYTES:
        raise SystemExit(f"the weights must stay under {WEIGHT_LIMIT_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
