/**
 * Root mean square norm over a token's whole width and rotary position embedding of its pairs of neighbouring channels,
 * of queries and keys in one pass. README.md has shapes, bytes and the floor.
 *
 * A block has one token: its row of queries and its row of keys stay in registers between the sum of squares and the
 * rotation, so both are read once, and so is the token's row of angles. Arithmetic is in f32; results are rounded once.
 */
#include "../library/vector.h"

namespace {

/** Vectors of each row that a thread holds. */
constexpr int held = 2;

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

/** y = rotation · (x · inverse · scale), pair by pair. */
template <typename T, int size>
__device__ Vector<T, size> rotate(const Vector<T, size>& x, const Vector<T, size>& scale, float inverse,
                                  const Vector<float, size / 2>& cos, const Vector<float, size / 2>& sin) {
  Vector<T, size> y;
#pragma unroll
  for (int pair = 0; pair < size / 2; ++pair) {
    const float even = static_cast<float>(x.at[2 * pair]) * inverse * static_cast<float>(scale.at[2 * pair]);
    const float odd = static_cast<float>(x.at[2 * pair + 1]) * inverse * static_cast<float>(scale.at[2 * pair + 1]);
    y.at[2 * pair] = static_cast<T>(even * cos.at[pair] - odd * sin.at[pair]);
    y.at[2 * pair + 1] = static_cast<T>(even * sin.at[pair] + odd * cos.at[pair]);
  }
  return y;
}

/**
 * `width` channels a token, at most held · size · threads; `pairs` angles a token, repeated along the width. `size`
 * divides the width, and size / 2 the angles.
 */
template <typename T, int size>
__device__ void normalizeAndRotate(const T* query, const T* key, const T* queryScale, const T* keyScale,
                                   const float* cosines, const float* sines, T* queryOut, T* keyOut, int width,
                                   int pairs, float epsilon) {
  const size_t row = static_cast<size_t>(blockIdx.x) * width;
  const size_t tableRow = static_cast<size_t>(blockIdx.x) * pairs;
  Vector<T, size> q[held], k[held];
  Vector<float, size / 2> cos[held], sin[held];
  float2 squares = {0, 0};
#pragma unroll
  for (int part = 0; part < held; ++part) {
    const int at = (threadIdx.x + part * blockDim.x) * size;
    if (at >= width) continue;
    q[part] = load<T, size>(query + row + at);
    k[part] = load<T, size>(key + row + at);
    const int angle = at / 2 % pairs;
    cos[part] = load<float, size / 2>(cosines + tableRow + angle);
    sin[part] = load<float, size / 2>(sines + tableRow + angle);
#pragma unroll
    for (int channel = 0; channel < size; ++channel) {
      const float x = static_cast<float>(q[part].at[channel]);
      const float y = static_cast<float>(k[part].at[channel]);
      squares.x += x * x;
      squares.y += y * y;
    }
  }
  const float2 sum = sumOverBlock(squares);
  const float queryInverse = rsqrtf(sum.x / width + epsilon);
  const float keyInverse = rsqrtf(sum.y / width + epsilon);
#pragma unroll
  for (int part = 0; part < held; ++part) {
    const int at = (threadIdx.x + part * blockDim.x) * size;
    if (at >= width) continue;
    auto* const qOut = reinterpret_cast<Vector<T, size>*>(queryOut + row + at);
    auto* const kOut = reinterpret_cast<Vector<T, size>*>(keyOut + row + at);
    *qOut = rotate(q[part], load<T, size>(queryScale + at), queryInverse, cos[part], sin[part]);
    *kOut = rotate(k[part], load<T, size>(keyScale + at), keyInverse, cos[part], sin[part]);
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
