/**
 * x + update · gate, channel by channel, and the layer or root mean square norm of it, scaled and shifted. README.md has
 * shapes, bytes and the floor. A block has one row. Arithmetic is in f32; results are rounded once: the norm is that of the
 * sum before it was rounded.
 */
#include "../library/row-norm.h"

namespace {

struct Rows {
  /** Channels: at most heldOf<size> · size · threads, which `size` divides. */
  int width;
  /** Rows in a row that share a gate, and that share a scale and a shift. */
  int perGate, perScale;
};

template <typename T, int size>
__device__ void addAndNormalize(const T* __restrict__ x, const T* __restrict__ update, const float* __restrict__ gate,
                                const float* __restrict__ scale, const float* __restrict__ shift,
                                T* __restrict__ total, T* __restrict__ y, const Rows& about,
                                const NormOptions& options) {
  const int width = about.width;
  const size_t start = static_cast<size_t>(blockIdx.x) * width;
  const size_t gateStart = static_cast<size_t>(blockIdx.x / about.perGate) * width;
  const size_t group = static_cast<size_t>(blockIdx.x / about.perScale) * width;
  NormRow<size> held;
  const float sum = holdTotal<T, size>(held, x + start, update + start, gate + gateStart, total + start, width);
  normalize<size>(held, sum, scale + group, shift + group, width, options);
  storeRow(held, y + start, width);
}

}  // namespace

// By dtype and by the channels that a thread takes at a time: 16 bytes of them, or one where the width has no such
// divisor.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                            \
  extern "C" __global__ void __launch_bounds__(1024)                                                                 \
      name(const T* x, const T* update, const float* gate, const float* scale, const float* shift, T* total, T* y,   \
           int width, int perGate, int perScale, float epsilon, float offset, int centered) {                        \
    addAndNormalize<T, size>(x, update, gate, scale, shift, total, y, {width, perGate, perScale},                    \
                             {epsilon, offset, centered});                                                           \
  }

FRAMEWRIGHT_KERNEL(residual_norm_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(residual_norm_f32_1, float, 1)
FRAMEWRIGHT_KERNEL(residual_norm_f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(residual_norm_f16_1, __half, 1)
FRAMEWRIGHT_KERNEL(residual_norm_bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(residual_norm_bf16_1, __nv_bfloat16, 1)
