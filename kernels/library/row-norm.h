/**
 * The norm of a row that the threads of a block hold, and its scale and shift.
 *
 * A thread holds 16 bytes of the row, as f32, between the sums and the result, so that the row is read once. Scale and
 * shift are read where they are used, from the cache that they share with the blocks of other rows.
 */
#pragma once

#include "held-row.h"

/** Vectors of a row that a thread holds: of eight channels one, for which there are registers. */
template <int size>
constexpr int heldOf = size == 8 ? 1 : 2;

/** A row that is normalised. */
template <int size>
using NormRow = HeldRow<size, heldOf<size>>;

struct NormOptions {
  float epsilon, offset;
  /** 0 where the mean is not taken off. */
  int centered;
};

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
 * Holds the rows of x: at most heldOf<size> · size · threads channels, which `size` divides.
 * @returns the sum of the thread's channels
 */
template <typename T, int size>
__device__ inline float holdRow(NormRow<size>& held, const T* __restrict__ x, int width) {
  float sum = 0;
  forVectors<size, heldOf<size>>(width, [&](int part, int first) {
    const auto loaded = load<T, size>(x + first);
#pragma unroll
    for (int channel = 0; channel < size; ++channel) {
      held.at[part][channel] = static_cast<float>(loaded.at[channel]);
      sum += held.at[part][channel];
    }
  });
  return sum;
}

/**
 * Holds x + update · gate, and writes it rounded.
 * @returns the sum of the thread's channels
 */
template <typename T, int size>
__device__ inline float holdTotal(NormRow<size>& held, const T* __restrict__ x, const T* __restrict__ update,
                                  const float* __restrict__ gate, T* __restrict__ total, int width) {
  float sum = 0;
  forVectors<size, heldOf<size>>(width, [&](int part, int first) {
    const auto base = load<T, size>(x + first), added = load<T, size>(update + first);
    const auto factor = load<float, size>(gate + first);
    Vector<T, size> result;
#pragma unroll
    for (int channel = 0; channel < size; ++channel) {
      const float more = static_cast<float>(added.at[channel]) * factor.at[channel];
      held.at[part][channel] = static_cast<float>(base.at[channel]) + more;
      result.at[channel] = static_cast<T>(held.at[part][channel]);
      sum += held.at[part][channel];
    }
    store(total + first, result);
  });
  return sum;
}

/**
 * x = (x - mean) / √(mean of squares + epsilon) · (offset + scale) + shift. The variance is that of the differences from
 * the mean, as it is exact for rows far from zero.
 * @param sum of the thread's channels
 */
template <int size>
__device__ inline void normalize(NormRow<size>& x, float sum, const float* __restrict__ scale,
                                 const float* __restrict__ shift, int width, const NormOptions& options) {
  const float mean = options.centered != 0 ? sumOverBlock<0>(sum) / width : 0;
  float squares = 0;
  forVectors<size, heldOf<size>>(width, [&](int part, int) {
#pragma unroll
    for (float& value : x.at[part]) {
      value -= mean;
      squares += value * value;
    }
  });
  const float inverse = rsqrtf(sumOverBlock<1>(squares) / width + options.epsilon);
  forVectors<size, heldOf<size>>(width, [&](int part, int first) {
    constexpr int few = size < 4 ? size : 4;  // 16 bytes of f32
#pragma unroll
    for (int from = 0; from < size; from += few) {
      const auto gamma = load<float, few>(scale + first + from), beta = load<float, few>(shift + first + from);
#pragma unroll
      for (int channel = 0; channel < few; ++channel) {
        const float scaled = x.at[part][from + channel] * inverse * (options.offset + gamma.at[channel]);
        x.at[part][from + channel] = scaled + beta.at[channel];
      }
    }
  });
}
