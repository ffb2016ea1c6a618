/**
 * The operator `NormModulate`: x [..., width], scale and shift f32 [..., width] of fewer rows → x, normalised and
 * modulated. On CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that are checked there.
 */
#include "../library/float-kernels.h"
#include "../library/row-groups.h"
#include "../library/row-norm-host.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char norm_modulate_image[];

namespace framewright {
namespace {

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
  CudaKernel(ElementType type, const NormOptions& options)
      : options_(options), kernels_(codeOf<norm_modulate_image>(), "norm_modulate", type, 1) {}

  void compute(const Call& call) const override {
    Operands own(call);
    void* y = call.output(0, own.x.shape);
    auto [groups, rows, width] = own.about;
    if (rows == 0) return;
    const bool wide = width % kernels_.vector == 0;
    const unsigned threads = threadsOfRow(width, kernels_.perThread(wide));
    auto [epsilon, offset, centered] = options_;
    void* arguments[] = {&own.x.data, &own.scale.data, &own.shift.data, &y,      &width,
                         &rows,       &epsilon,        &offset,         &centered};
    launch(kernels_.kernel(wide), {static_cast<unsigned>(groups * rows), threads, call.stream()}, arguments);
  }

 private:
  NormOptions options_;
  FloatKernels kernels_;
};

class CpuKernel : public Kernel {
 public:
  explicit CpuKernel(const NormOptions& options) : options_(options) {}

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
    normalizeRow(x, scale, shift, to + row * width, width, options_);
  }

  NormOptions options_;
};

}  // namespace

std::vector<Operator> normModulate() {
  return forFloats(
      "NormModulate",
      [](ElementType type) { return Signature{{type, f32, f32}, {type}, {0}}; },
      [](const Attributes& attributes) { return std::make_unique<CpuKernel>(normOptions(attributes)); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaKernel>(type, normOptions(attributes));
      });
}

}  // namespace framewright
