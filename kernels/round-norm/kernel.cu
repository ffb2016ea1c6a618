/**
 * The norms of `kernels/norm-modulate` and `kernels/residual-norm`, whose results are rounded to 8-bit floats before they
 * leave the registers. README.md has shapes, bytes and the floor. A block has one row. Arithmetic is in f32, and every
 * result is rounded once.
 */
#include "../library/float8-row.h"
#include "../library/row-norm.h"

namespace {

struct Rows {
  /** Channels: at most heldOf<size> · size · threads, which `size` divides. */
  int width;
  /** Rows in a row that share a gate, and that share a scale and a shift. */
  int perGate, perScale;
};

/** Where a row of 8-bit floats is written, and its scale. */
struct Rounded {
  unsigned char* elements;
  float* scales;
};

/** @param adds whether there are an update, a gate and a total; without, the row is x */
template <typename T, int size, bool adds>
__device__ void normalizeAndRound(const T* __restrict__ x, const T* __restrict__ update, const float* __restrict__ gate,
                                  const float* __restrict__ scale, const float* __restrict__ shift,
                                  T* __restrict__ total, const Rounded& to, const Rows& about,
                                  const NormOptions& options) {
  const int width = about.width;
  const size_t start = static_cast<size_t>(blockIdx.x) * width;
  const size_t group = static_cast<size_t>(blockIdx.x / about.perScale) * width;
  NormRow<size> held;
  float sum;
  if constexpr (adds) {
    const size_t gateStart = static_cast<size_t>(blockIdx.x / about.perGate) * width;
    sum = holdTotal<T, size>(held, x + start, update + start, gate + gateStart, total + start, width);
  } else {
    sum = holdRow<T, size>(held, x + start, width);
  }
  normalize<size>(held, sum, scale + group, shift + group, width, options);
  storeRounded(held, to.elements + start, to.scales + blockIdx.x, width);
}

}  // namespace

// By dtype, with 16 bytes of channels for a thread at a time: products in 8-bit floats have widths that those divide.
#define FRAMEWRIGHT_KERNELS(type, T, size)                                                                             \
  extern "C" __global__ void __launch_bounds__(1024)                                                                   \
      round_norm_##type##_##size(const T* x, const float* scale, const float* shift, unsigned char* elements,          \
                                 float* scales, int width, int rows, float epsilon, float offset, int centered) {      \
    normalizeAndRound<T, size, false>(x, nullptr, nullptr, scale, shift, nullptr, {elements, scales},                  \
                                      {width, 1, rows}, {epsilon, offset, centered});                                  \
  }                                                                                                                    \
  extern "C" __global__ void __launch_bounds__(1024)                                                                   \
      round_residual_norm_##type##_##size(const T* x, const T* update, const float* gate, const float* scale,          \
                                          const float* shift, T* total, unsigned char* elements, float* scales,        \
                                          int width, int perGate, int perScale, float epsilon, float offset,           \
                                          int centered) {                                                              \
    normalizeAndRound<T, size, true>(x, update, gate, scale, shift, total, {elements, scales},                         \
                                     {width, perGate, perScale}, {epsilon, offset, centered});                         \
  }

FRAMEWRIGHT_KERNELS(f32, float, 4)
FRAMEWRIGHT_KERNELS(bf16, __nv_bfloat16, 8)
