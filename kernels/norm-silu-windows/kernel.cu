/**
 * Root mean square norm over the channels of every pixel, SiLU, and the windows of three frames that a causal convolution
 * takes. README.md has shapes, bytes and the floor.
 *
 * A block has the pixels of one tile of one frame: `lanes` vectors of them, next to each other in every channel, by
 * `groups` threads that share the channels out. Pixels are read for the sum of squares, and again from the cache for the
 * result, which is written to the three windows that have the frame. Arithmetic is in f32; results are rounded once.
 */
#include "../library/vector.h"

namespace {

/**
 * Threads that have neighbouring vectors of a channel: those of a warp read 128 bytes of four channels, or, of frames that
 * are read pixel by pixel, 64 or 128 of one.
 */
template <int size>
constexpr int lanes = size == 1 ? 32 : 8;

/** Threads that share the channels out. */
template <int size>
constexpr int groups = 256 / lanes<size>;

/** A clip's frames, and where they go. */
struct Frames {
  int count;
  int channels;
  /** Of a channel of a frame. */
  int pixels;
  /** Blocks of a frame. */
  int tiles;
};

/** Writes a vector of a channel into every window that has the frame: `position` counts from the first of both before. */
template <typename T, int size>
__device__ inline void writeToWindows(T* windows, const Frames& about, int position, int channel, int pixel,
                                      const Vector<T, size>& values) {
#pragma unroll
  for (int slot = 0; slot < 3; ++slot) {
    const int window = position - slot;
    if (window < 0 || window >= about.count) continue;
    const size_t row = static_cast<size_t>(window) * 3 * about.channels + slot * about.channels + channel;
    store(windows + row * about.pixels + pixel, values);
  }
}

template <typename T, int size>
__device__ void normalizeIntoWindows(const T* __restrict__ x, const T* __restrict__ history,
                                     const T* __restrict__ scale, T* __restrict__ windows, const Frames& about,
                                     float epsilon) {
  __shared__ float sums[groups<size>][lanes<size> * size];
  const int lane = threadIdx.x % lanes<size>, group = threadIdx.x / lanes<size>;
  const int position = blockIdx.x / about.tiles;
  const int pixel = (blockIdx.x % about.tiles * lanes<size> + lane) * size;
  const bool inside = pixel < about.pixels;
  const size_t frameSize = static_cast<size_t>(about.channels) * about.pixels;
  if (position < 2) {
    if (!inside) return;
    for (int channel = group; channel < about.channels; channel += groups<size>) {
      const T* const past = history + position * frameSize + static_cast<size_t>(channel) * about.pixels;
      writeToWindows(windows, about, position, channel, pixel, load<T, size>(past + pixel));
    }
    return;
  }
  const T* const frame = x + (position - 2) * frameSize + pixel;
  float squares[size];
#pragma unroll
  for (int at = 0; at < size; ++at) squares[at] = 0;
  for (int channel = group; inside && channel < about.channels; channel += groups<size>) {
    const auto loaded = load<T, size>(frame + static_cast<size_t>(channel) * about.pixels);
#pragma unroll
    for (int at = 0; at < size; ++at) {
      const float value = static_cast<float>(loaded.at[at]);
      squares[at] += value * value;
    }
  }
#pragma unroll
  for (int at = 0; at < size; ++at) sums[group][lane * size + at] = squares[at];
  __syncthreads();
  if (threadIdx.x < lanes<size> * size) {
    float total = 0;
    for (int other = 0; other < groups<size>; ++other) total += sums[other][threadIdx.x];
    sums[0][threadIdx.x] = rsqrtf(total / about.channels + epsilon);
  }
  __syncthreads();
  if (!inside) return;
  float inverse[size];
#pragma unroll
  for (int at = 0; at < size; ++at) inverse[at] = sums[0][lane * size + at];
  for (int channel = group; channel < about.channels; channel += groups<size>) {
    const auto loaded = load<T, size>(frame + static_cast<size_t>(channel) * about.pixels);
    const float gamma = static_cast<float>(scale[channel]);
    Vector<T, size> result;
#pragma unroll
    for (int at = 0; at < size; ++at) {
      const float y = static_cast<float>(loaded.at[at]) * inverse[at] * gamma;
      result.at[at] = static_cast<T>(y / (1 + expf(-y)));
    }
    writeToWindows(windows, about, position, channel, pixel, result);
  }
}

}  // namespace

// By dtype and by the pixels that a thread takes at a time: 16 bytes of them, or one where a frame has no such divisor.
#define FRAMEWRIGHT_KERNEL(name, T, size)                                                                           \
  extern "C" __global__ void __launch_bounds__(256)                                                                 \
      name(const T* x, const T* history, const T* scale, T* windows, int count, int channels, int pixels,           \
           int tiles, float epsilon) {                                                                              \
    normalizeIntoWindows<T, size>(x, history, scale, windows, {count, channels, pixels, tiles}, epsilon);           \
  }

FRAMEWRIGHT_KERNEL(norm_silu_windows_f32_4, float, 4)
FRAMEWRIGHT_KERNEL(norm_silu_windows_f32_1, float, 1)
FRAMEWRIGHT_KERNEL(norm_silu_windows_f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(norm_silu_windows_f16_1, __half, 1)
FRAMEWRIGHT_KERNEL(norm_silu_windows_bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(norm_silu_windows_bf16_1, __nv_bfloat16, 1)
