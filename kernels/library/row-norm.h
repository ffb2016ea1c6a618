/**
 * The norm of a row that the threads of a block hold, and its scale and shift.
 *
 * A thread holds 16 bytes of the row, as f32, between the sums and the result, so that the row is read once. Scale and
 * shift are read where they are used, from the cache that they share with the blocks of other rows.
 */
#pragma once

#include "vector.h"

/** Vectors of a row that a thread holds: of eight channels one, for which there are registers. */
template <int size>
constexpr int heldOf = size == 8 ? 1 : 2;

/** The channels of a row that a thread holds. */
template <int size>
struct HeldRow {
  float at[heldOf<size>][size];
};

struct NormOptions {
  float epsilon, offset;
  /** 0 where the mean is not taken off. */
  int centered;
};

/** Calls `one` with each of the thread's vectors of a row, by its number and its first channel. */
template <int size, class One>
__device__ inline void forVectors(int width, One one) {
#pragma unroll
  for (int part = 0; part < heldOf<size>; ++part) {
    const int first = (threadIdx.x + part * blockDim.x) * size;
    if (first < width) one(part, first);
  }
}

/** The sum over the block, on every thread. Each of the sums of a kernel has a number: no barrier is needed between two. */
template <int number>
__device__ inline float sumOverBlock(float sum) {
  __shared__ float ofWarp[32];
  for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xffffffff, sum, other);
  if (threadIdx.x % 32 == 0) ofWarp[threadIdx.x / 32] = sum;
  __syncthreads();
  float total = 0;
  for (int warp = 0; warp < blockDim.x / 32; ++warp) total += ofWarp[warp];
  return total;
}

/**
 * y = (x - mean) / √(mean of squares + epsilon) · (offset + scale) + shift. The variance is that of the differences from
 * the mean, as it is exact for rows far from zero.
 * @param sum of the thread's channels
 */
template <typename T, int size>
__device__ inline void writeNormalized(HeldRow<size>& x, float sum, const float* __restrict__ scale,
                                       const float* __restrict__ shift, T* __restrict__ y, int width,
                                       const NormOptions& options) {
  const float mean = options.centered != 0 ? sumOverBlock<0>(sum) / width : 0;
  float squares = 0;
  forVectors<size>(width, [&](int part, int) {
#pragma unroll
    for (float& value : x.at[part]) {
      value -= mean;
      squares += value * value;
    }
  });
  const float inverse = rsqrtf(sumOverBlock<1>(squares) / width + options.epsilon);
  forVectors<size>(width, [&](int part, int first) {
    constexpr int few = size < 4 ? size : 4;  // 16 bytes of f32
    Vector<T, size> result;
#pragma unroll
    for (int from = 0; from < size; from += few) {
      const auto gamma = load<float, few>(scale + first + from), beta = load<float, few>(shift + first + from);
#pragma unroll
      for (int channel = 0; channel < few; ++channel) {
        const float scaled = x.at[part][from + channel] * inverse * (options.offset + gamma.at[channel]);
        result.at[from + channel] = static_cast<T>(scaled + beta.at[channel]);
      }
    }
    store(y + first, result);
  });
}
