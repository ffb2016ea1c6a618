"""Training in several processes: `torchrun --nproc-per-node 2 -m train.dit …`. Started plainly, there is one.

On CPUs one process a core, each with a batch of its own, is faster than one process with a thread a core. Weights are
equal in all: they start equal, and every step applies the mean of everyone's gradients.
"""

import os

import torch
import torch.distributed as dist
from torch import nn


class Processes:
    def __init__(self) -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.count > 1:
            dist.init_process_group("gloo")

    @property
    def lead(self) -> bool:
        """Whether this one writes the files."""
        return self.rank == 0

    def average_gradients(self, weights: list[nn.Parameter]) -> None:
        if self.count == 1:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients])):
            gradient.copy_(part.view(gradient.shape))

    def any(self, wish: bool) -> bool:
        """True in all if it is true in one: so that all stop after the same step."""
        if self.count == 1:
            return wish
        flag = torch.tensor(int(wish))
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)
