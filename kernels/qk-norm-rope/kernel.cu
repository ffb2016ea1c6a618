/**
 * Root mean square norm over a token's whole width and rotary position embedding of its pairs of neighbouring channels,
 * of queries and keys in one pass. README.md has shapes, bytes and the floor.
 *
 * A block has one token: its row of queries and its row of keys stay in registers, as they were loaded, between the sum of
 * squares and the rotation, so both are read once. Scales and angles are read where they are used. Arithmetic is in f32;
 * results are rounded once.
 */
#include "../library/vector.h"

namespace {

/** Vectors of each row that a thread holds: of eight channels one, for which there are registers. */
template <int size>
constexpr int heldOf = size == 8 ? 1 : 2;

/** Both sums over the block, on every thread. */
__device__ float2 sumOverBlock(float2 sum) {
  __shared__ float2 ofWarp[32];
  for (int other = 16; other > 0; other /= 2) {
    sum.x += __shfl_xor_sync(0xffffffff, sum.x, other);
    sum.y += __shfl_xor_sync(0xffffffff, sum.y, other);
  }
  if (threadIdx.x % 32 == 0) ofWarp[threadIdx.x / 32] = sum;
  __syncthreads();
  float2 total = {0, 0};
  for (int warp = 0; warp < blockDim.x / 32; ++warp) {
    total.x += ofWarp[warp].x;
    total.y += ofWarp[warp].y;
  }
  return total;
}

/** What a vector of a row is multiplied and turned by. */
template <typename T>
struct Turn {
  const T* scale;
  const float *cos, *sin;
};

/** y = rotation · (x · inverse · scale), pair by pair; what it is turned by is read where it is used. */
template <typename T, int size>
__device__ void rotate(const Vector<T, size>& x, float inverse, const Turn<T>& by, T* __restrict__ to) {
  Vector<T, size> y;
  constexpr int few = size < 4 ? size : 4;
#pragma unroll
  for (int from = 0; from < size; from += few) {
    const auto scale = load<T, few>(by.scale + from);
    const auto cos = load<float, few / 2>(by.cos + from / 2), sin = load<float, few / 2>(by.sin + from / 2);
#pragma unroll
    for (int pair = 0; pair < few / 2; ++pair) {
      const int at = from + 2 * pair;
      const float even = static_cast<float>(x.at[at]) * inverse * static_cast<float>(scale.at[2 * pair]);
      const float odd = static_cast<float>(x.at[at + 1]) * inverse * static_cast<float>(scale.at[2 * pair + 1]);
      y.at[at] = static_cast<T>(even * cos.at[pair] - odd * sin.at[pair]);
      y.at[at + 1] = static_cast<T>(even * sin.at[pair] + odd * cos.at[pair]);
    }
  }
  store(to, y);
}

/** Keeps a vector as it was loaded: without, its channels are held as f32, in twice the registers. */
template <typename T, int size>
__device__ inline void keepPacked(Vector<T, size>& x) {
#ifdef __CUDA_ARCH__
  if constexpr (sizeof(T) == 2 && size > 1) {
    unsigned words[size / 2];
    __builtin_memcpy(words, &x, sizeof x);
#pragma unroll
    for (unsigned& word : words) asm volatile("" : "+r"(word));
    __builtin_memcpy(&x, words, sizeof x);
  }
#endif
}

/**
 * `width` channels a token, at most heldOf<size> · size · threads; `pairs` angles a token, repeated along the width. `size`
 * divides the width, and size / 2 the angles.
 */
template <typename T, int size>
__device__ void normalizeAndRotate(const T* query, const T* key, const T* queryScale, const T* keyScale,
                                   const float* cosines, const float* sines, T* queryOut, T* keyOut, int width,
                                   int pairs, float epsilon) {
  const size_t row = static_cast<size_t>(blockIdx.x) * width;
  const size_t tableRow = static_cast<size_t>(blockIdx.x) * pairs;
  constexpr int held = heldOf<size>;
  Vector<T, size> q[held], k[held];
  float2 squares = {0, 0};
#pragma unroll
  for (int part = 0; part < held; ++part) {
    const int at = (threadIdx.x + part * blockDim.x) * size;
    if (at >= width) continue;
    q[part] = load<T, size>(query + row + at);
    k[part] = load<T, size>(key + row + at);
#pragma unroll
    for (int channel = 0; channel < size; ++channel) {
      const float x = static_cast<float>(q[part].at[channel]);
      const float y = static_cast<float>(k[part].at[channel]);
      squares.x += x * x;
      squares.y += y * y;
    }
  }
  const float2 sum = sumOverBlock(squares);
#pragma unroll
  for (int part = 0; part < held; ++part) {
    keepPacked(q[part]);
    keepPacked(k[part]);
  }
  const float queryInverse = rsqrtf(sum.x / width + epsilon);
  const float keyInverse = rsqrtf(sum.y / width + epsilon);
#pragma unroll
  for (int part = 0; part < held; ++part) {
    const int at = (threadIdx.x + part * blockDim.x) * size;
    if (at >= width) continue;
    const size_t angle = tableRow + at / 2 % pairs;
    rotate<T, size>(q[part], queryInverse, {queryScale + at, cosines + angle, sines + angle}, queryOut + row + at);
    rotate<T, size>(k[part], keyInverse, {keyScale + at, cosines + angle, sines + angle}, keyOut + row + at);
  }
}

}  // namespace

// By dtype and by the channels that a thread takes at a time: 16 bytes of them, or a pair where the width or the number
// of angles has no such divisor.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                              \
  extern "C" __global__ void __launch_bounds__(1024)                                                                   \
      name(const T* query, const T* key, const T* queryScale, const T* keyScale, const float* cosines,                 \
           const float* sines, T* queryOut, T* keyOut, int width, int pairs, float epsilon) {                          \
    normalizeAndRotate<T, size>(query, key, queryScale, keyScale, cosines, sines, queryOut, keyOut, width, pairs,      \
                                epsilon);                                                                              \
  }

FRAMEWRIGHT_KERNEL(qk_norm_rope_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(qk_norm_rope_f32_2, float, 2)
FRAMEWRIGHT_KERNEL(qk_norm_rope_f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(qk_norm_rope_f16_2, __half, 2)
FRAMEWRIGHT_KERNEL(qk_norm_rope_bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(qk_norm_rope_bf16_2, __nv_bfloat16, 2)
