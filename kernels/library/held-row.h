/** A row that the threads of a block hold in registers, as f32, between what is computed of all of it and what is written. */
#pragma once

#include "vector.h"

/** The channels of a row that a thread holds: `held` vectors of `size`. */
template <int size, int held>
struct HeldRow {
  float at[held][size];
};

/** Calls `one` with each of the thread's vectors of a row, by its number and its first channel. */
template <int size, int held, class One>
__device__ inline void forVectors(int width, One one) {
#pragma unroll
  for (int part = 0; part < held; ++part) {
    const int first = (threadIdx.x + part * blockDim.x) * size;
    if (first < width) one(part, first);
  }
}

/** Writes the row, each channel rounded. */
template <typename T, int size, int held>
__device__ inline void storeRow(const HeldRow<size, held>& x, T* __restrict__ y, int width) {
  forVectors<size, held>(width, [&](int part, int first) {
    Vector<T, size> result;
#pragma unroll
    for (int channel = 0; channel < size; ++channel) result.at[channel] = static_cast<T>(x.at[part][channel]);
    store(y + first, result);
  });
}
