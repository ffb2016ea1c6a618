/**
 * The operator `NormSiluWindows`: x [frames, channels, height, width], history [2, channels, height, width] and scale
 * [channels] → [frames, 3 · channels, height, width]. On CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for
 * graphs that are checked there.
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

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, float epsilon)
      : epsilon_(epsilon), kernels_(codeOf<norm_silu_windows_image>(), "norm_silu_windows", type, 1) {}

  void compute(const Call& call) const override {
    Operands own(call);
    void* windows = call.output(0, own.windows());
    if (own.frames == 0 || own.pixels == 0) return;
    const bool wide = own.pixels % kernels_.vector == 0;
    const int perBlock = wide ? wideLanes * kernels_.vector : narrowLanes;
    int tiles = (own.pixels + perBlock - 1) / perBlock;
    float epsilon = epsilon_;
    void* arguments[] = {&own.x.data,     &own.history.data, &own.scale.data, &windows, &own.frames,
                         &own.channels,   &own.pixels,       &tiles,          &epsilon};
    const unsigned blocks = static_cast<unsigned>(own.frames + 2) * tiles;
    launch(kernels_.kernel(wide), {blocks, threads, call.stream()}, arguments);
  }

 private:
  static constexpr int wideLanes = 8, narrowLanes = 32, threads = 256;  // of a block, as in kernel.cu

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

}  // namespace

std::vector<Operator> normSiluWindows() {
  return forFloats(
      "NormSiluWindows",
      [](ElementType type) {
        return Signature{{type, type, type}, {type}, {}};  // of a shape that ONNX Runtime need not know
      },
      [](const Attributes& attributes) { return std::make_unique<CpuKernel>(attributes.number("epsilon")); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaKernel>(type, attributes.number("epsilon"));
      });
}

}  // namespace framewright
