/**
 * The operator `GatedResidual`: x and update [..., width], gate f32 [..., width] of fewer rows → x + update · gate. On
 * CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that are checked there.
 */
#include "../library/float-kernels.h"
#include "../library/row-groups.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char gated_residual_image[];

namespace framewright {
namespace {

/** The operands of a call, whose shapes fit each other. */
struct Operands {
  explicit Operands(const Call& call) : x(call.input(0)), update(call.input(1)), gate(call.input(2)) {
    about = rowGroups(x, gate, "gate");
    if (update.shape != x.shape) throw std::runtime_error("expected an update of the operand's shape");
  }
  Operand x, update, gate;
  RowGroups about;
};

class CudaKernel : public Kernel {
 public:
  explicit CudaKernel(ElementType type) : kernels_(codeOf<gated_residual_image>(), "gated_residual", type, 1) {}

  void compute(const Call& call) const override {
    Operands own(call);
    void* y = call.output(0, own.x.shape);
    auto [groups, rows, width] = own.about;
    if (rows == 0) return;
    const bool wide = width % kernels_.vector == 0;
    const unsigned threads = threadsFor(width / kernels_.perThread(wide));
    int perBlock = rowsPerBlock;
    void* arguments[] = {&own.x.data, &own.update.data, &own.gate.data, &y, &width, &rows, &perBlock};
    launch(kernels_.kernel(wide), {blocksOf(own.about), threads, call.stream()}, arguments);
  }

 private:
  FloatKernels kernels_;
};

class CpuKernel : public Kernel {
 public:
  void compute(const Call& call) const override {
    const Operands own(call);
    auto* const to = static_cast<float*>(call.output(0, own.x.shape));
    const auto& [groups, rows, width] = own.about;
    call.parallel(groups * rows, [&own, to](size_t row) {
      const size_t width = own.about.width, group = row / own.about.rows;
      const float* const x = static_cast<const float*>(own.x.data) + row * width;
      const float* const update = static_cast<const float*>(own.update.data) + row * width;
      const float* const gate = static_cast<const float*>(own.gate.data) + group * width;
      for (size_t channel = 0; channel < width; ++channel) {
        to[row * width + channel] = x[channel] + update[channel] * gate[channel];
      }
    });
  }
};

}  // namespace

std::vector<Operator> gatedResidual() {
  return forFloats(
      "GatedResidual",
      [](ElementType type) { return Signature{{type, type, f32}, {type}, {0}}; },
      [](const Attributes&) { return std::make_unique<CpuKernel>(); },
      [](ElementType type, const Attributes&) { return std::make_unique<CudaKernel>(type); });
}

}  // namespace framewright
