/** The Gaussian error linear unit in its form with the hyperbolic tangent, on a GPU. */
#pragma once

/**
 * 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))), as x / (1 + exp(−2 · …)): one exponential and one division by the
 * units for them, within 2e-6 of the result for |x| < 4 (CUDA C++ Programming Guide, "Intrinsic Functions").
 */
__device__ inline float gelu(float x) {
  constexpr float twiceRoot = 1.5957691216057308f;  // 2 · √(2/π)
  return __fdividef(x, 1 + __expf(-twiceRoot * (x + 0.044715f * x * x * x)));
}
