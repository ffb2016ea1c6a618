/**
 * The operator `NormModulate`: x [..., width], scale and shift f32 [..., width] of fewer rows → x, normalised and
 * modulated. On CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that are checked there.
 */
#include <cmath>

#include "../library/float-kernels.h"
#include "../library/row-groups.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char norm_modulate_image[];

namespace framewright {
namespace {

struct Options {
  explicit Options(const Attributes& attributes)
      : epsilon(attributes.number("epsilon")),
        offset(attributes.number("offset")),
        centered(attributes.number("centered") != 0) {}
  float epsilon, offset;
  bool centered;
};

/** The operands of a call, whose shapes fit each other. */
struct Operands {
  explicit Operands(const Call& call) : x(call.input(0)), scale(call.input(1)), shift(call.input(2)) {
    about = rowGroups(x, scale, "scale");
    if (shift.shape != scale.shape) throw std::runtime_error("expected a shift of the scale's shape");
  }
  Operand x, scale, shift;
  RowGroups about;
};

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, const Options& options)
      : options_(options), kernels_(code(), "norm_modulate", type, 1) {}

  void compute(const Call& call) const override {
    Operands own(call);
    void* y = call.output(0, own.x.shape);
    auto [groups, rows, width] = own.about;
    if (rows == 0) return;
    const bool wide = width % kernels_.vector == 0;
    const int perThread = kernels_.perThread(wide);
    const int held = perThread == 8 ? 1 : 2;  // vectors of a row that a thread has, as in kernel.cu
    const unsigned threads = threadsHolding(width, perThread, held);
    int perBlock = rowsPerBlock, centered = options_.centered;
    float epsilon = options_.epsilon, offset = options_.offset;
    void* arguments[] = {&own.x.data, &own.scale.data, &own.shift.data, &y,      &width,
                         &rows,       &perBlock,       &epsilon,        &offset, &centered};
    launch(kernels_.kernel(wide), {blocksOf(own.about), threads, call.stream()}, arguments);
  }

 private:
  static const DeviceCode& code() {
    static const DeviceCode loaded(norm_modulate_image);
    return loaded;
  }

  Options options_;
  FloatKernels kernels_;
};

class CpuKernel : public Kernel {
 public:
  explicit CpuKernel(const Options& options) : options_(options) {}

  void compute(const Call& call) const override {
    const Operands own(call);
    auto* const y = static_cast<float*>(call.output(0, own.x.shape));
    const auto& [groups, rows, width] = own.about;
    call.parallel(groups * rows, [&own, y, this](size_t row) { normalize(own, row, y); });
  }

 private:
  void normalize(const Operands& own, size_t row, float* to) const {
    const size_t width = own.about.width, group = row / own.about.rows;
    const float* const x = static_cast<const float*>(own.x.data) + row * width;
    const float* const scale = static_cast<const float*>(own.scale.data) + group * width;
    const float* const shift = static_cast<const float*>(own.shift.data) + group * width;
    double sum = 0, squares = 0;
    for (size_t channel = 0; channel < width; ++channel) sum += x[channel];
    const double mean = options_.centered ? sum / static_cast<double>(width) : 0;
    for (size_t channel = 0; channel < width; ++channel) squares += (x[channel] - mean) * (x[channel] - mean);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + options_.epsilon);
    float* const y = to + row * width;
    for (size_t channel = 0; channel < width; ++channel) {
      const double unit = (x[channel] - mean) * inverse;
      y[channel] = static_cast<float>(unit * (options_.offset + scale[channel]) + shift[channel]);
    }
  }

  Options options_;
};

}  // namespace

std::vector<Operator> normModulate() {
  return forFloats(
      "NormModulate",
      [](ElementType type) { return Signature{{type, f32, f32}, {type}, {0}}; },
      [](const Attributes& attributes) { return std::make_unique<CpuKernel>(Options(attributes)); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaKernel>(type, Options(attributes));
      });
}

}  // namespace framewright
