/** Rows of 8-bit floats with a scale of each, as a block of threads writes them: those of `kernels/round-rows`. */
#pragma once

#include <cuda_fp8.h>

#include "held-row.h"

constexpr float largestFloat8 = 448, leastRowScale = 1e-30f;  // as in float8.h

/** The largest number of a block's threads, in all of them. */
__device__ inline float largestOfBlock(float own) {
  __shared__ float perWarp[32];
  for (int other = 16; other > 0; other /= 2) own = fmaxf(own, __shfl_xor_sync(0xffffffff, own, other));
  if (threadIdx.x % 32 == 0) perWarp[threadIdx.x / 32] = own;
  __syncthreads();
  float largest = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) largest = fmaxf(largest, perWarp[warp]);
  return largest;
}

/** What a row is divided by, from its largest magnitude. */
class RowScale {
 public:
  __device__ explicit RowScale(float largest)
      : scale_(fmaxf(largest * (1 / largestFloat8), leastRowScale)), inverse_(1 / scale_) {}

  __device__ float value() const { return scale_; }

  /**
   * x / scale, rounded as a division is: the product with the inverse, corrected by what it leaves of x (Markstein 1990,
   * "Computation of elementary functions on the IBM RISC System/6000 processor"). Three instructions; a division has ten.
   */
  __device__ float divide(float x) const {
    const float near = x * inverse_;
    return fmaf(fmaf(-near, scale_, x), inverse_, near);
  }

  /** To the nearest e4m3, halves to even, at most 448. `size` is 1 or even. */
  template <int size>
  __device__ Vector<unsigned char, size> rounded(const float (&x)[size]) const {
    Vector<unsigned char, size> result;
    if constexpr (size == 1) {
      result.at[0] = __nv_cvt_float_to_fp8(divide(x[0]), __NV_SATFINITE, __NV_E4M3);
    } else {
#pragma unroll
      for (int channel = 0; channel < size; channel += 2) {
        const float2 pair = {divide(x[channel]), divide(x[channel + 1])};
        const __nv_fp8x2_storage_t both = __nv_cvt_float2_to_fp8x2(pair, __NV_SATFINITE, __NV_E4M3);
        result.at[channel] = static_cast<unsigned char>(both);
        result.at[channel + 1] = static_cast<unsigned char>(both >> 8);
      }
    }
    return result;
  }

 private:
  float scale_, inverse_;
};

/** Rounds a row that the threads hold, and writes it and its scale. */
template <int size, int held>
__device__ inline void storeRounded(const HeldRow<size, held>& x, unsigned char* __restrict__ elements,
                                    float* __restrict__ scale, int width) {
  float largest = 0;
  forVectors<size, held>(width, [&](int part, int) {
#pragma unroll
    for (const float value : x.at[part]) largest = fmaxf(largest, fabsf(value));
  });
  const RowScale by(largestOfBlock(largest));
  if (threadIdx.x == 0) *scale = by.value();
  forVectors<size, held>(width, [&](int part, int first) { store(elements + first, by.rounded(x.at[part])); });
}
