/**
 * Products of 8-bit floats where cuBLASLt does not scale rows itself: y = act(y · (scale of the row) · (scale of the column)
 * + bias), in place. README.md says when. A block has one row. Arithmetic is in f32; results are rounded once.
 */
#include "../library/gelu.h"
#include "../library/vector.h"

namespace {

/** `width` columns, which `size` divides. */
template <typename T, int size>
__device__ void scaleRow(T* __restrict__ y, const float* __restrict__ rowScales,
                         const float* __restrict__ columnScales, const T* __restrict__ bias, int width, bool active) {
  T* const row = y + static_cast<size_t>(blockIdx.x) * width;
  const float rowScale = rowScales[blockIdx.x];
  for (int first = threadIdx.x * size; first < width; first += blockDim.x * size) {
    auto held = load<T, size>(row + first);
    const auto shift = load<T, size>(bias + first);
#pragma unroll
    for (int channel = 0; channel < size; ++channel) {
      const float sum = static_cast<float>(held.at[channel]) * rowScale * columnScales[first + channel] + static_cast<float>(shift.at[channel]);
      held.at[channel] = static_cast<T>(active ? gelu(sum) : sum);
    }
    store(row + first, held);
  }
}

}  // namespace

#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                    \
  extern "C" __global__ void __launch_bounds__(1024)                                                         \
      name(T* y, const float* rowScales, const float* columnScales, const T* bias, int width, int active) {  \
    scaleRow<T, size>(y, rowScales, columnScales, bias, width, active != 0);                                 \
  }

FRAMEWRIGHT_KERNEL(scale_rows_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(scale_rows_bf16_8, __nv_bfloat16, 8)
