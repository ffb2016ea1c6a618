"""What a run leaves on disk: an atomic state file, its process id, and a log with one CSV line per report."""

import csv
import os
import signal
import time
from pathlib import Path

import torch


class RunFolder:
    """`stopping` turns true on SIGTERM or SIGINT: loops then save and end."""

    def __init__(self, path: str, name: str, lead: bool = True) -> None:
        """Of the processes that train together only the lead one writes its id."""
        self.path, self.name = Path(path), name
        self.path.mkdir(parents=True, exist_ok=True)
        if lead:
            (self.path / "pid").write_text(str(os.getpid()))
        self.state_path = self.path / f"{name}.pt"
        self.log_path = self.path / f"{name}.csv"
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)

    def stop(self, *_: object) -> None:
        self.stopping = True

    @staticmethod
    def read(path: str, name: str) -> dict:
        """A run's last state, without touching the run."""
        return torch.load(Path(path) / f"{name}.pt", map_location="cpu", weights_only=True)

    def load(self) -> dict | None:
        return self.read(str(self.path), self.name) if self.state_path.exists() else None

    def save(self, state: dict) -> None:
        """Written beside and renamed, so that a killed run leaves the previous state whole."""
        partial = self.state_path.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.state_path)

    def log(self, **row: float | int | str) -> None:
        row = {"time": time.strftime("%Y-%m-%dT%H:%M:%S"), **row}
        row = {key: f"{value:.5g}" if isinstance(value, float) else value for key, value in row.items()}
        fresh = not self.log_path.exists()
        with self.log_path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row.keys())
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def rate_factor(step: int, steps: int, warmup: int, decay_share: float) -> float:
    """Learning rate over a run of `steps`: linear warm-up, constant, then linear to zero over the last share."""
    decay_steps = max(1, int(steps * decay_share))
    return min(1.0, (step + 1) / warmup, max(0.0, (steps - step) / decay_steps))
