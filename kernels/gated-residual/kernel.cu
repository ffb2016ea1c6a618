/**
 * x + update · gate, channel by channel. README.md has shapes, bytes and the floor.
 *
 * A block has a few rows that share a gate, which stays in registers from row to row. Arithmetic is in f32; results are
 * rounded once.
 */
#include "../library/vector.h"

namespace {

/** `width` channels a row, which `size` divides; `rows` rows in a row share a gate, and a block has `perBlock` of them. */
template <typename T, int size>
__device__ void addGated(const T* __restrict__ x, const T* __restrict__ update, const float* __restrict__ gate,
                         T* __restrict__ y, int width, int rows, int perBlock) {
  const int blocks = (rows + perBlock - 1) / perBlock;  // of a group
  const size_t group = blockIdx.x / blocks;
  const int first = blockIdx.x % blocks * perBlock;
  const int last = first + perBlock < rows ? first + perBlock : rows;
  for (int at = threadIdx.x * size; at < width; at += blockDim.x * size) {
    const Vector<float, size> factor = load<float, size>(gate + group * width + at);
    for (int row = first; row < last; ++row) {
      const size_t place = (group * rows + row) * width + at;
      const Vector<T, size> base = load<T, size>(x + place), added = load<T, size>(update + place);
      Vector<T, size> result;
#pragma unroll
      for (int channel = 0; channel < size; ++channel) {
        const float more = static_cast<float>(added.at[channel]) * factor.at[channel];
        result.at[channel] = static_cast<T>(static_cast<float>(base.at[channel]) + more);
      }
      *reinterpret_cast<Vector<T, size>*>(y + place) = result;
    }
  }
}

}  // namespace

// By dtype and by the channels that a thread takes at a time: 16 bytes of them, or one where the width has no such
// divisor.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                              \
  extern "C" __global__ void __launch_bounds__(1024)                                                                   \
      name(const T* x, const T* update, const float* gate, T* y, int width, int rows, int perBlock) {                  \
    addGated<T, size>(x, update, gate, y, width, rows, perBlock);                                                      \
  }

FRAMEWRIGHT_KERNEL(gated_residual_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(gated_residual_f32_1, float, 1)
FRAMEWRIGHT_KERNEL(gated_residual_f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(gated_residual_f16_1, __half, 1)
FRAMEWRIGHT_KERNEL(gated_residual_bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(gated_residual_bf16_1, __nv_bfloat16, 1)
