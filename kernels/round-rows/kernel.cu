/**
 * Rows rounded to 8-bit floats, each with a scale of its own. README.md has shapes, bytes and the floor. A block has one
 * row, which it reads twice: the second time it comes from the cache.
 */
#include "../library/float8-row.h"

namespace {

/** `width` channels a row, which `size` divides. */
template <typename T, int size>
__device__ void roundRow(const T* __restrict__ x, unsigned char* __restrict__ elements, float* __restrict__ scales,
                         int width) {
  const size_t start = static_cast<size_t>(blockIdx.x) * width;
  float largest = 0;
  for (int first = threadIdx.x * size; first < width; first += blockDim.x * size) {
    const auto loaded = load<T, size>(x + start + first);
#pragma unroll
    for (int channel = 0; channel < size; ++channel) largest = fmaxf(largest, fabsf(static_cast<float>(loaded.at[channel])));
  }
  const RowScale scale(largestOfBlock(largest));
  if (threadIdx.x == 0) scales[blockIdx.x] = scale.value();
  for (int first = threadIdx.x * size; first < width; first += blockDim.x * size) {
    const auto loaded = load<T, size>(x + start + first);
    float values[size];
#pragma unroll
    for (int channel = 0; channel < size; ++channel) values[channel] = static_cast<float>(loaded.at[channel]);
    store(elements + start + first, scale.rounded(values));
  }
}

}  // namespace

// By dtype and by the channels that a thread takes at a time: 16 bytes of them, or one where the width has no such
// divisor.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                   \
  extern "C" __global__ void __launch_bounds__(1024)                                                        \
      name(const T* x, unsigned char* elements, float* scales, int width) {                                 \
    roundRow<T, size>(x, elements, scales, width);                                                          \
  }

FRAMEWRIGHT_KERNEL(round_rows_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(round_rows_f32_1, float, 1)
FRAMEWRIGHT_KERNEL(round_rows_f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(round_rows_f16_1, __half, 1)
FRAMEWRIGHT_KERNEL(round_rows_bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(round_rows_bf16_1, __nv_bfloat16, 1)
