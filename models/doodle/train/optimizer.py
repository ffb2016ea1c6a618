"""Muon for matrices and convolution kernels, AdamW for the rest.

Muon (K. Jordan et al., 2024) replaces a weight's momentum by the nearest orthogonal matrix, found by five steps of a
Newton-Schulz iteration, and scales it to the size of an AdamW update (J. Liu et al., 2025).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


class MuonAdam:
    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        is_matrix: Callable[[str, nn.Parameter], bool],
        matrix_rate: float,
        vector_rate: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        bfloat16: bool = False,
    ) -> None:
        """`bfloat16` orthogonalises in that precision, which the iteration bears and some hardware runs much faster."""
        named = [(name, weight) for name, weight in named if weight.requires_grad]
        self.matrices = [weight for name, weight in named if is_matrix(name, weight)]
        vectors = [weight for name, weight in named if not is_matrix(name, weight)]
        self.matrix_rate, self.vector_rate = matrix_rate, vector_rate
        self.momentum, self.weight_decay, self.bfloat16 = momentum, weight_decay, bfloat16
        self.buffers = [torch.zeros_like(weight) for weight in self.matrices]
        self.adam = torch.optim.AdamW(vectors, lr=vector_rate, betas=(0.9, 0.99), weight_decay=0.0, foreach=True)
        self.groups: dict[tuple[int, int], list[int]] = {}  # weights of one shape are orthogonalised together
        for i, weight in enumerate(self.matrices):
            self.groups.setdefault((weight.shape[0], weight[0].numel()), []).append(i)

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One update; `factor` in [0, 1] scales both learning rates."""
        for group in self.adam.param_groups:
            group["lr"] = self.vector_rate * factor
        self.adam.step()
        for (rows, columns), indices in self.groups.items():
            updates = []
            for i in indices:
                gradient = self.matrices[i].grad
                self.buffers[i].lerp_(gradient, 1 - self.momentum)
                updates.append(gradient.lerp(self.buffers[i], self.momentum).reshape(rows, columns))
            size = 0.2 * max(rows, columns) ** 0.5 * self.matrix_rate * factor
            for i, update in zip(indices, orthogonalize(torch.stack(updates), self.bfloat16)):
                self.matrices[i].mul_(1 - self.matrix_rate * factor * self.weight_decay)
                self.matrices[i].sub_(update.view(self.matrices[i].shape), alpha=size)

    def zero_grad(self) -> None:
        for group in self.adam.param_groups:
            for weight in group["params"]:
                weight.grad = None
        for weight in self.matrices:
            weight.grad = None

    def state_dict(self) -> dict:
        return {"adam": self.adam.state_dict(), "buffers": self.buffers}

    def load_state_dict(self, state: dict) -> None:
        self.adam.load_state_dict(state["adam"])
        for mine, saved in zip(self.buffers, state["buffers"]):
            mine.copy_(saved)


def orthogonalize(matrices: Tensor, bfloat16: bool = False) -> Tensor:
    """The nearest orthogonal matrices, roughly, of a stack [n, rows, columns]; singular values end in about [0.7, 1.2]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x.bfloat16() if bfloat16 else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        gram = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, gram, x, beta=a)
    return (x.mT if tall else x).float()
