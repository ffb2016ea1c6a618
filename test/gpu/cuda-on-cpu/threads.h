/**
 * CUDA's threads on a CPU, for the kernels as they are written: the threads of a block take turns, each up to the next
 * barrier. It shows what is computed where, and nothing of speed.
 */
#pragma once

// The compiler for the host sees CUDA's types through these, and none of its keywords.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <vector_types.h>

#include <cmath>

#undef __shared__
#define __shared__ static
#undef __launch_bounds__
#define __launch_bounds__(threads)

extern uint3 threadIdx, blockIdx, blockDim;

/** Ends the turn of the thread that runs. */
void __syncthreads();
float __shfl_xor_sync(unsigned mask, float value, int other);
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float x, float y) { return x / y; }

/** Calls a kernel with its parameters, which `arguments` point at: the file of the kernel's cases knows their types. */
void callKernel(void* kernel, void** arguments);
