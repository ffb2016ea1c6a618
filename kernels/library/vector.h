/** Neighbouring channels that a thread of a kernel loads and stores at once. */
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename T, int size>
struct alignas(sizeof(T) * size) Vector {
  T at[size];
};

template <typename T, int size>
__device__ inline Vector<T, size> load(const T* from) {
  return *reinterpret_cast<const Vector<T, size>*>(from);
}

template <typename T, int size>
__device__ inline void store(T* to, const Vector<T, size>& values) {
  *reinterpret_cast<Vector<T, size>*>(to) = values;
}
