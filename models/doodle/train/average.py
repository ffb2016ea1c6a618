"""An exponential moving average of weights: what gets evaluated and exported."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    def __init__(self, weights: list[nn.Parameter], decay: float) -> None:
        self.weights, self.decay, self.updates = weights, decay, 0
        self.values: list[Tensor] = [weight.detach().clone() for weight in weights]

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.values, list(self.weights), 1 - decay)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The averaged weights take the place of the trained ones inside the block."""
        trained = [weight.data for weight in self.weights]
        for weight, value in zip(self.weights, self.values):
            weight.data = value
        try:
            yield
        finally:
            for weight, data in zip(self.weights, trained):
                weight.data = data

    def state_dict(self) -> dict:
        return {"updates": self.updates, "values": self.values}

    def load_state_dict(self, state: dict) -> None:
        self.updates = state["updates"]
        for mine, saved in zip(self.values, state["values"]):
            mine.copy_(saved)
