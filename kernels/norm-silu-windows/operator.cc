/**
 * The operator `NormSiluWindows`: x [frames, channels, height, width], history [2, channels, height, width] and scale
 * [channels] → [frames, 3 · channels, height, width]. On CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for
 * graphs that are checked there. `NormSiluPlaces` likewise: x, scale and shift [channels] and places i32 [n] → [n, channels,
 * height, width], the frames that the places name.
 */
#include <cmath>
#include <stdexcept>

#include "../library/float-kernels.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char norm_silu_windows_image[];

namespace framewright {
namespace {

/** The operands of a call, whose shapes fit each other. */
struct Operands {
  explicit Operands(const Call& call) : x(call.input(0)), history(call.input(1)), scale(call.input(2)) {
    const auto& shape = x.shape;
    if (shape.size() != 4) throw std::runtime_error("expected frames of rank 4");
    if (history.shape != std::vector<int64_t>{2, shape[1], shape[2], shape[3]}) {
      throw std::runtime_error("expected a history of two frames like the others");
    }
    if (scale.shape != std::vector<int64_t>{shape[1]}) throw std::runtime_error("expected a scale of the channels");
    frames = static_cast<int>(shape[0]);
    channels = static_cast<int>(shape[1]);
    pixels = static_cast<int>(shape[2] * shape[3]);
  }
  std::vector<int64_t> windows() const { return {x.shape[0], 3 * x.shape[1], x.shape[2], x.shape[3]}; }

  Operand x, history, scale;
  int frames, channels, pixels;
};

constexpr int wideLanes = 8, narrowLanes = 32, threads = 256;  // of a block, as in kernel.cu

/** Blocks of a frame. */
int tilesOf(int pixels, bool wide, const FloatKernels& kernels) {
  const int perBlock = wide ? wideLanes * kernels.vector : narrowLanes;
  return (pixels + perBlock - 1) / perBlock;
}

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, float epsilon)
      : epsilon_(epsilon), kernels_(codeOf<norm_silu_windows_image>(), "norm_silu_windows", type, 1) {}

  void compute(const Call& call) const override {
    Operands own(call);
    void* windows = call.output(0, own.windows());
    if (own.frames == 0 || own.pixels == 0) return;
    const bool wide = own.pixels % kernels_.vector == 0;
    int tiles = tilesOf(own.pixels, wide, kernels_);
    float epsilon = epsilon_;
    void* arguments[] = {&own.x.data,     &own.history.data, &own.scale.data, &windows, &own.frames,
                         &own.channels,   &own.pixels,       &tiles,          &epsilon};
    const unsigned blocks = static_cast<unsigned>(own.frames + 2) * tiles;
    launch(kernels_.kernel(wide), {blocks, threads, call.stream()}, arguments);
  }

 private:
  float epsilon_;
  FloatKernels kernels_;
};

class CpuKernel : public Kernel {
 public:
  explicit CpuKernel(float epsilon) : epsilon_(epsilon) {}

  void compute(const Call& call) const override {
    const Operands own(call);
    auto* const windows = static_cast<float*>(call.output(0, own.windows()));
    const size_t positions = own.frames + 2;
    call.parallel(positions * own.pixels, [&own, windows, this](size_t index) {
      pixelOfFrame(own, static_cast<int>(index / own.pixels), index % own.pixels, windows);
    });
  }

 private:
  /** @param position of the frame, from the first of both before on */
  void pixelOfFrame(const Operands& own, int position, size_t pixel, float* windows) const {
    const size_t pixels = own.pixels, frameSize = own.channels * pixels;
    const float* const history = static_cast<const float*>(own.history.data);
    const float* const x = static_cast<const float*>(own.x.data) + (position - 2) * static_cast<ptrdiff_t>(frameSize) + pixel;
    const float* const scale = static_cast<const float*>(own.scale.data);
    double squares = 0;
    for (int channel = 0; position >= 2 && channel < own.channels; ++channel) {
      squares += static_cast<double>(x[channel * pixels]) * x[channel * pixels];
    }
    const double inverse = 1 / std::sqrt(squares / own.channels + epsilon_);
    for (int channel = 0; channel < own.channels; ++channel) {
      double value = 0;
      if (position >= 2) {
        const double y = x[channel * pixels] * inverse * scale[channel];
        value = y / (1 + std::exp(-y));
      } else {
        value = history[position * frameSize + channel * pixels + pixel];
      }
      for (int slot = 0; slot < 3; ++slot) {
        const int window = position - slot;
        if (window < 0 || window >= own.frames) continue;
        const size_t row = (window * 3 + slot) * static_cast<size_t>(own.channels) + channel;
        windows[row * pixels + pixel] = static_cast<float>(value);
      }
    }
  }

  float epsilon_;
};

/** The operands of frames by place. */
struct PlacedOperands {
  explicit PlacedOperands(const Call& call)
      : x(call.input(0)), scale(call.input(1)), shift(call.input(2)), places(call.input(3)) {
    const auto& shape = x.shape;
    if (shape.size() != 4) throw std::runtime_error("expected frames of rank 4");
    for (const Operand* each : {&scale, &shift}) {
      if (each->shape != std::vector<int64_t>{shape[1]}) {
        throw std::runtime_error("expected a scale and a shift of the channels");
      }
    }
    if (places.shape.size() != 1) throw std::runtime_error("expected places of rank 1");
    count = static_cast<int>(places.shape[0]);
    channels = static_cast<int>(shape[1]);
    pixels = static_cast<int>(shape[2] * shape[3]);
  }
  std::vector<int64_t> result() const { return {count, x.shape[1], x.shape[2], x.shape[3]}; }

  Operand x, scale, shift, places;
  int count, channels, pixels;
};

class CudaPlaces : public Kernel {
 public:
  CudaPlaces(ElementType type, float epsilon)
      : epsilon_(epsilon), kernels_(codeOf<norm_silu_windows_image>(), "norm_silu_places", type, 1) {}

  void compute(const Call& call) const override {
    PlacedOperands own(call);
    void* result = call.output(0, own.result());
    if (own.count == 0 || own.pixels == 0) return;
    const bool wide = own.pixels % kernels_.vector == 0;
    const int tiles = tilesOf(own.pixels, wide, kernels_);
    float epsilon = epsilon_;
    void* arguments[] = {&own.x.data, &own.scale.data, &own.shift.data, &own.places.data, &result,
                         &own.count,  &own.channels,   &own.pixels,     &epsilon};
    launch(kernels_.kernel(wide), {static_cast<unsigned>(own.count) * tiles, threads, call.stream()}, arguments);
  }

 private:
  float epsilon_;
  FloatKernels kernels_;
};

class CpuPlaces : public Kernel {
 public:
  explicit CpuPlaces(float epsilon) : epsilon_(epsilon) {}

  void compute(const Call& call) const override {
    const PlacedOperands own(call);
    auto* const result = static_cast<float*>(call.output(0, own.result()));
    const size_t pixels = own.pixels;
    call.parallel(own.count * pixels, [&own, result, pixels, this](size_t index) {
      const size_t place = index / pixels, pixel = index % pixels;
      const auto frame = static_cast<size_t>(static_cast<const int*>(own.places.data)[place]);
      const size_t frameSize = own.channels * pixels;
      const float* const x = static_cast<const float*>(own.x.data) + frame * frameSize + pixel;
      const auto* const scale = static_cast<const float*>(own.scale.data);
      const auto* const shift = static_cast<const float*>(own.shift.data);
      double squares = 0;
      for (int channel = 0; channel < own.channels; ++channel) {
        squares += static_cast<double>(x[channel * pixels]) * x[channel * pixels];
      }
      const double inverse = 1 / std::sqrt(squares / own.channels + epsilon_);
      for (int channel = 0; channel < own.channels; ++channel) {
        const double y = x[channel * pixels] * inverse * scale[channel] + shift[channel];
        result[place * frameSize + channel * pixels + pixel] = static_cast<float>(y / (1 + std::exp(-y)));
      }
    });
  }

 private:
  float epsilon_;
};

}  // namespace

std::vector<Operator> normSiluWindows() {
  // Results are of shapes that ONNX Runtime need not know.
  auto all = forFloats(
      "NormSiluWindows", [](ElementType type) { return Signature{{type, type, type}, {type}, {}}; },
      [](const Attributes& attributes) { return std::make_unique<CpuKernel>(attributes.number("epsilon")); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaKernel>(type, attributes.number("epsilon"));
      });
  for (Operator& each : forFloats(
           "NormSiluPlaces", [](ElementType type) { return Signature{{type, type, type, i32}, {type}, {}}; },
           [](const Attributes& attributes) { return std::make_unique<CpuPlaces>(attributes.number("epsilon")); },
           [](ElementType type, const Attributes& attributes) {
             return std::make_unique<CudaPlaces>(type, attributes.number("epsilon"));
           })) {
    all.push_back(std::move(each));
  }
  return all;
}

}  // namespace framewright
