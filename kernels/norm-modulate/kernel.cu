/**
 * Layer or root mean square norm of rows, scaled and shifted channel by channel. README.md has shapes, bytes and the
 * floor.
 *
 * A block has a few rows that share a scale and a shift. A row stays in registers between the sums and the result, so it
 * is read once; the scale and the shift stay there from row to row. The variance is that of the differences from the
 * mean, as it is exact for rows far from zero. Arithmetic is in f32; results are rounded once.
 */
#include "../library/vector.h"

namespace {

/** Vectors of a row that a thread holds: of eight channels one, for which there are registers. */
template <int size>
constexpr int heldOf = size == 8 ? 1 : 2;

/** The sum over the block, on every thread. `turn` alternates from sum to sum: no barrier is needed between two. */
__device__ float sumOverBlock(float sum, int turn) {
  __shared__ float ofWarp[2][32];
  for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xffffffff, sum, other);
  if (threadIdx.x % 32 == 0) ofWarp[turn][threadIdx.x / 32] = sum;
  __syncthreads();
  float total = 0;
  for (int warp = 0; warp < blockDim.x / 32; ++warp) total += ofWarp[turn][warp];
  return total;
}

/**
 * y = (x - mean) / √(mean of squares + epsilon) · (offset + scale) + shift, the mean taken off where `centered` is not 0.
 * `width` channels a row, at most heldOf<size> · size · threads, which `size` divides; `rows` rows in a row share a scale and a
 * shift, and a block has `perBlock` of them.
 */
template <typename T, int size>
__device__ void normalizeAndModulate(const T* __restrict__ x, const float* __restrict__ scale,
                                     const float* __restrict__ shift, T* __restrict__ y, int width, int rows,
                                     int perBlock, float epsilon, float offset, int centered) {
  constexpr int held = heldOf<size>;
  const int blocks = (rows + perBlock - 1) / perBlock;  // of a group
  const size_t group = blockIdx.x / blocks;
  const int first = blockIdx.x % blocks * perBlock;
  const int last = first + perBlock < rows ? first + perBlock : rows;
  Vector<float, size> gamma[held], beta[held];
#pragma unroll
  for (int part = 0; part < held; ++part) {
    const int at = (threadIdx.x + part * blockDim.x) * size;
    if (at >= width) continue;
    gamma[part] = load<float, size>(scale + group * width + at);
    beta[part] = load<float, size>(shift + group * width + at);
  }
  int turn = 0;
  for (int row = first; row < last; ++row) {
    const size_t start = (group * rows + row) * width;
    float value[held][size];
    float sum = 0;
#pragma unroll
    for (int part = 0; part < held; ++part) {
      const int at = (threadIdx.x + part * blockDim.x) * size;
      if (at >= width) continue;
      const Vector<T, size> loaded = load<T, size>(x + start + at);
#pragma unroll
      for (int channel = 0; channel < size; ++channel) {
        value[part][channel] = static_cast<float>(loaded.at[channel]);
        sum += value[part][channel];
      }
    }
    float mean = 0;
    if (centered != 0) {
      mean = sumOverBlock(sum, turn) / width;
      turn ^= 1;
    }
    float squares = 0;
#pragma unroll
    for (int part = 0; part < held; ++part) {
      if ((threadIdx.x + part * blockDim.x) * size >= width) continue;
#pragma unroll
      for (int channel = 0; channel < size; ++channel) {
        value[part][channel] -= mean;
        squares += value[part][channel] * value[part][channel];
      }
    }
    const float inverse = rsqrtf(sumOverBlock(squares, turn) / width + epsilon);
    turn ^= 1;
#pragma unroll
    for (int part = 0; part < held; ++part) {
      const int at = (threadIdx.x + part * blockDim.x) * size;
      if (at >= width) continue;
      Vector<T, size> result;
#pragma unroll
      for (int channel = 0; channel < size; ++channel) {
        const float scaled = value[part][channel] * inverse * (offset + gamma[part].at[channel]);
        result.at[channel] = static_cast<T>(scaled + beta[part].at[channel]);
      }
      *reinterpret_cast<Vector<T, size>*>(y + start + at) = result;
    }
  }
}

}  // namespace

// By dtype and by the channels that a thread takes at a time: 16 bytes of them, or one where the width has no such
// divisor.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                              \
  extern "C" __global__ void __launch_bounds__(1024)                                                                   \
      name(const T* x, const float* scale, const float* shift, T* y, int width, int rows, int perBlock, float epsilon, \
           float offset, int centered) {                                                                               \
    normalizeAndModulate<T, size>(x, scale, shift, y, width, rows, perBlock, epsilon, offset, centered);               \
  }

FRAMEWRIGHT_KERNEL(norm_modulate_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(norm_modulate_f32_1, float, 1)
FRAMEWRIGHT_KERNEL(norm_modulate_f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(norm_modulate_f16_1, __half, 1)
FRAMEWRIGHT_KERNEL(norm_modulate_bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(norm_modulate_bf16_1, __nv_bfloat16, 1)
