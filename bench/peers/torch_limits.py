"""What PyTorch reaches on a device: matrix products and attention at the shapes of Wan 14B, and a copy.

  python torch_limits.py --device cuda       prints JSON: TFLOP/s and GB/s
"""

import argparse
import json
import time

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def seconds(call, cuda: bool, repeat: int) -> float:
    call()
    times = []
    for _ in range(repeat):
        if cuda:
            torch.cuda.synchronize()
        started = time.perf_counter()
        call()
        if cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    device = parser.parse_args().device
    cuda = device.startswith("cuda")
    tokens, width, inner, heads = (32760, 5120, 13824, 40) if cuda else (256, 512, 1024, 4)
    dtype, repeat = (torch.bfloat16, 7) if cuda else (torch.float32, 1)
    made = lambda *shape: torch.randn(shape, dtype=dtype, device=device)  # noqa: E731
    found: dict = {"torch": torch.__version__, "device": torch.cuda.get_device_name() if cuda else "cpu"}
    with torch.inference_mode():
        for rows, columns in [(width, width), (width, inner), (inner, width)]:
            x, w = made(tokens, rows), made(columns, rows)
            took = seconds(lambda: torch.nn.functional.linear(x, w), cuda, repeat)  # noqa: B023
            found[f"gemm {tokens}x{rows}x{columns}, TFLOP/s"] = 2 * tokens * rows * columns / took / 1e12
            del x, w
        q, k, v = (made(1, heads, tokens, width // heads) for _ in range(3))
        kinds = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION} if cuda else {"math": SDPBackend.MATH}
        for name, kind in kinds.items():
            try:
                with sdpa_kernel(kind):
                    took = seconds(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v), cuda, repeat)
                found[f"attention {name}, TFLOP/s"] = 4 * tokens * tokens * width / took / 1e12
            except RuntimeError as error:
                found[f"attention {name}"] = str(error).splitlines()[0]
        x = made(tokens, width)
        y = torch.empty_like(x)
        took = seconds(lambda: y.copy_(x), cuda, repeat)
        found["copy, GB/s"] = 2 * x.numel() * x.element_size() / took / 1e9
    print(json.dumps(found))


main()
