/**
 * Layer or root mean square norm of rows, scaled and shifted channel by channel. README.md has shapes, bytes and the
 * floor. A block has one row. Arithmetic is in f32; results are rounded once.
 */
#include "../library/row-norm.h"

namespace {

/**
 * `width` channels a row, at most heldOf<size> · size · threads, which `size` divides; `rows` rows in a row share a scale
 * and a shift.
 */
template <typename T, int size>
__device__ void normalizeAndModulate(const T* __restrict__ x, const float* __restrict__ scale,
                                     const float* __restrict__ shift, T* __restrict__ y, int width, int rows,
                                     const NormOptions& options) {
  const size_t start = static_cast<size_t>(blockIdx.x) * width;
  const size_t group = static_cast<size_t>(blockIdx.x / rows) * width;
  NormRow<size> held;
  const float sum = holdRow<T, size>(held, x + start, width);
  normalize<size>(held, sum, scale + group, shift + group, width, options);
  storeRow(held, y + start, width);
}

}  // namespace

// By dtype and by the channels that a thread takes at a time: 16 bytes of them, or one where the width has no such
// divisor.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                         \
  extern "C" __global__ void __launch_bounds__(1024)                                                              \
      name(const T* x, const float* scale, const float* shift, T* y, int width, int rows, float epsilon,          \
           float offset, int centered) {                                                                          \
    normalizeAndModulate<T, size>(x, scale, shift, y, width, rows, {epsilon, offset, centered});                  \
  }

FRAMEWRIGHT_KERNEL(norm_modulate_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(norm_modulate_f32_1, float, 1)
FRAMEWRIGHT_KERNEL(norm_modulate_f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(norm_modulate_f16_1, __half, 1)
FRAMEWRIGHT_KERNEL(norm_modulate_bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(norm_modulate_bf16_1, __nv_bfloat16, 1)
