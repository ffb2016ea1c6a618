/**
 * The operator `ResidualNorm`: x and update [..., width], gate, scale and shift f32 [..., width] of fewer rows → x + update ·
 * gate, and that normalised and modulated. On CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that
 * are checked there.
 */
#include "../library/float-kernels.h"
#include "../library/row-groups.h"
#include "../library/row-norm-host.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char residual_norm_image[];

namespace framewright {
namespace {

/** The operands of a call, whose shapes fit each other. */
struct Operands {
  explicit Operands(const Call& call)
      : x(call.input(0)), update(call.input(1)), gate(call.input(2)), scale(call.input(3)), shift(call.input(4)) {
    ofGate = rowGroups(x, gate, "gate");
    ofScale = rowGroups(x, scale, "scale");
    if (update.shape != x.shape) throw std::runtime_error("expected an update of the operand's shape");
    if (shift.shape != scale.shape) throw std::runtime_error("expected a shift of the scale's shape");
  }
  size_t rows() const { return ofGate.groups * ofGate.rows; }

  Operand x, update, gate, scale, shift;
  RowGroups ofGate, ofScale;
};

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, const NormOptions& options)
      : options_(options), kernels_(codeOf<residual_norm_image>(), "residual_norm", type, 1) {}

  void compute(const Call& call) const override {
    Operands own(call);
    void* total = call.output(0, own.x.shape);
    void* y = call.output(1, own.x.shape);
    if (own.rows() == 0) return;
    int width = own.ofGate.width;
    const bool wide = width % kernels_.vector == 0;
    const unsigned threads = threadsOfRow(width, kernels_.perThread(wide));
    auto [epsilon, offset, centered] = options_;
    void* arguments[] = {&own.x.data,      &own.update.data,  &own.gate.data, &own.scale.data, &own.shift.data,
                         &total,           &y,                &width,         &own.ofGate.rows, &own.ofScale.rows,
                         &epsilon,         &offset,           &centered};
    launch(kernels_.kernel(wide), {static_cast<unsigned>(own.rows()), threads, call.stream()}, arguments);
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
    auto* const total = static_cast<float*>(call.output(0, own.x.shape));
    auto* const y = static_cast<float*>(call.output(1, own.x.shape));
    call.parallel(own.rows(), [&own, total, y, this](size_t row) { addAndNormalize(own, row, total, y); });
  }

 private:
  void addAndNormalize(const Operands& own, size_t row, float* total, float* y) const {
    const size_t width = own.ofGate.width, start = row * width;
    const float* const x = static_cast<const float*>(own.x.data) + start;
    const float* const update = static_cast<const float*>(own.update.data) + start;
    const float* const gate = static_cast<const float*>(own.gate.data) + row / own.ofGate.rows * width;
    const size_t group = row / own.ofScale.rows * width;
    const float* const scale = static_cast<const float*>(own.scale.data) + group;
    const float* const shift = static_cast<const float*>(own.shift.data) + group;
    addRow(x, update, gate, total + start, width);
    normalizeRow(total + start, scale, shift, y + start, width, options_);
  }

  NormOptions options_;
};

}  // namespace

std::vector<Operator> residualNorm() {
  return forFloats(
      "ResidualNorm",
      [](ElementType type) {
        return Signature{{type, type, f32, f32, f32}, {type, type}, {0, 0}};
      },
      [](const Attributes& attributes) { return std::make_unique<CpuKernel>(normOptions(attributes)); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaKernel>(type, normOptions(attributes));
      });
}

}  // namespace framewright
