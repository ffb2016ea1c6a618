/**
 * Sums of products of 8-bit floats, scaled, with the bias and GELU, rounded to 8-bit floats for the next product. README.md
 * has shapes, bytes and the floor. A block has one row, which stays in registers between its largest magnitude and the
 * rounding. Arithmetic is in f32; results are rounded once.
 */
#include "../library/float8-row.h"
#include "../library/gelu.h"

namespace {

/** Vectors of a row that a thread holds: 32 channels. */
template <int size>
constexpr int heldOf = 32 / size;

/** `width` columns, at most 32 · threads, which `size` divides. */
template <typename T, int size>
__device__ void scaleAndRound(const T* __restrict__ sums, const float* __restrict__ rowScales,
                              const float* __restrict__ columnScales, const T* __restrict__ bias,
                              unsigned char* __restrict__ elements, float* __restrict__ scales, int width,
                              bool active) {
  const size_t start = static_cast<size_t>(blockIdx.x) * width;
  const float rowScale = rowScales[blockIdx.x];
  HeldRow<size, heldOf<size>> held;
  forVectors<size, heldOf<size>>(width, [&](int part, int first) {
    const auto loaded = load<T, size>(sums + start + first), shift = load<T, size>(bias + first);
#pragma unroll
    for (int from = 0; from < size; from += 4) {
      const auto columnScale = load<float, 4>(columnScales + first + from);
#pragma unroll
      for (int channel = 0; channel < 4; ++channel) {
        const float scaled = static_cast<float>(loaded.at[from + channel]) * rowScale * columnScale.at[channel];
        const float sum = scaled + static_cast<float>(shift.at[from + channel]);
        held.at[part][from + channel] = active ? gelu(sum) : sum;
      }
    }
  });
  storeRounded(held, elements + start, scales + blockIdx.x, width);
}

}  // namespace

// By dtype and by the channels that a thread takes at a time, 16 bytes of them.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                      \
  extern "C" __global__ void __launch_bounds__(512)                                                            \
      name(const T* sums, const float* rowScales, const float* columnScales, const T* bias,                    \
           unsigned char* elements, float* scales, int width, int active) {                                    \
    scaleAndRound<T, size>(sums, rowScales, columnScales, bias, elements, scales, width, active != 0);         \
  }

FRAMEWRIGHT_KERNEL(round_sums_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(round_sums_bf16_8, __nv_bfloat16, 8)
