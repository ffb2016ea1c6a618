/**
 * Root mean square norm over the channels of every pixel, SiLU, and the windows of three frames that a causal convolution
 * takes. README.md has shapes, bytes and the floor.
 *
 * Windows are of frames that follow one another, or of those that are listed. A block has the pixels of one tile of one
 * frame: `lanes` vectors of them, next to each other in every channel, by `groups` threads that share the channels out. Pixels are read for the sum of squares, and again from the cache for the
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

/**
 * Gives `write` every channel that the thread has of its pixels, normalised and activated. All threads of a block call it.
 * @param frame at the thread's first pixel
 * @param shift of every channel, or null for none
 * @param inside whether the thread has pixels
 */
template <typename T, int size, class Write>
__device__ inline void normalizePixels(const T* __restrict__ frame, const T* __restrict__ scale,
                                       const T* __restrict__ shift, const Frames& about, bool inside, float epsilon,
                                       const Write& write) {
  __shared__ float sums[groups<size>][lanes<size> * size];
  const int lane = threadIdx.x % lanes<size>, group = threadIdx.x / lanes<size>;
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
    const float beta = shift == nullptr ? 0 : static_cast<float>(shift[channel]);
    Vector<T, size> result;
#pragma unroll
    for (int at = 0; at < size; ++at) {
      const float y = static_cast<float>(loaded.at[at]) * inverse[at] * gamma + beta;
      result.at[at] = static_cast<T>(y / (1 + expf(-y)));
    }
    write(channel, result);
  }
}

/** The frames of a clip with the two before, each into every window that has it: a block has a tile of a frame. */
template <typename T, int size>
__device__ void normalizeIntoWindows(const T* __restrict__ x, const T* __restrict__ history,
                                     const T* __restrict__ scale, T* __restrict__ windows, const Frames& about,
                                     float epsilon) {
  const int position = blockIdx.x / about.tiles;
  const int pixel = (blockIdx.x % about.tiles * lanes<size> + threadIdx.x % lanes<size>) * size;
  const bool inside = pixel < about.pixels;
  const size_t frameSize = static_cast<size_t>(about.channels) * about.pixels;
  if (position < 2) {
    if (!inside) return;
    for (int channel = threadIdx.x / lanes<size>; channel < about.channels; channel += groups<size>) {
      const T* const past = history + position * frameSize + static_cast<size_t>(channel) * about.pixels;
      writeToWindows(windows, about, position, channel, pixel, load<T, size>(past + pixel));
    }
    return;
  }
  const T* const frame = x + (position - 2) * frameSize + pixel;
  normalizePixels<T, size>(frame, scale, static_cast<const T*>(nullptr), about, inside, epsilon,
                           [&](int channel, const Vector<T, size>& result) {
                             writeToWindows(windows, about, position, channel, pixel, result);
                           });
}

/**
 * The frames that stand in `places`, one after the other: a block has a tile of one of them. Those of a tile follow each other,
 * so that a frame in several places is read from the cache.
 * @param about its `count` is that of the places
 */
template <typename T, int size>
__device__ void normalizeIntoPlaces(const T* __restrict__ x, const T* __restrict__ scale, const T* __restrict__ shift,
                                    const int* __restrict__ places, T* __restrict__ result, const Frames& about,
                                    float epsilon) {
  const int place = blockIdx.x % about.count;
  const int pixel = (blockIdx.x / about.count * lanes<size> + threadIdx.x % lanes<size>) * size;
  const size_t frameSize = static_cast<size_t>(about.channels) * about.pixels;
  T* const to = result + place * frameSize + pixel;
  normalizePixels<T, size>(x + places[place] * frameSize + pixel, scale, shift, about, pixel < about.pixels, epsilon,
                           [&](int channel, const Vector<T, size>& normalized) {
                             store(to + static_cast<size_t>(channel) * about.pixels, normalized);
                           });
}

}  // namespace

// By dtype and by the pixels that a thread takes at a time: 16 bytes of them, or one where a frame has no such divisor.
#define FRAMEWRIGHT_KERNEL(suffix, T, size)                                                                         \
  extern "C" __global__ void __launch_bounds__(256)                                                                 \
      norm_silu_windows_##suffix(const T* x, const T* history, const T* scale, T* windows, int count, int channels, \
                                 int pixels, int tiles, float epsilon) {                                            \
    normalizeIntoWindows<T, size>(x, history, scale, windows, {count, channels, pixels, tiles}, epsilon);           \
  }                                                                                                                 \
  extern "C" __global__ void __launch_bounds__(256)                                                                 \
      norm_silu_places_##suffix(const T* x, const T* scale, const T* shift, const int* places, T* result, int count, \
                                int channels, int pixels, float epsilon) {                                          \
    normalizeIntoPlaces<T, size>(x, scale, shift, places, result, {count, channels, pixels, 0}, epsilon);           \
  }

FRAMEWRIGHT_KERNEL(f32_4, float, 4)
FRAMEWRIGHT_KERNEL(f32_1, float, 1)
FRAMEWRIGHT_KERNEL(f16_8, __half, 8)
FRAMEWRIGHT_KERNEL(f16_1, __half, 1)
FRAMEWRIGHT_KERNEL(bf16_8, __nv_bfloat16, 8)
FRAMEWRIGHT_KERNEL(bf16_1, __nv_bfloat16, 1)
