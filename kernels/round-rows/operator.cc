/**
 * The operator `RoundRows`: x [..., width] → elements e4m3 [..., width], scales f32 [..., 1], x ≈ elements · scales. On
 * CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that are checked there.
 */
#include "../library/float-kernels.h"
#include "../library/float8.h"
#include "../library/row-groups.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char round_rows_image[];

namespace framewright {
namespace {

/** The rows of a call, and room for what they become. */
struct Rows {
  explicit Rows(const Call& call) : x(call.input(0)) {
    if (x.shape.empty() || x.shape.back() < 1) throw std::runtime_error("expected rows of at least one channel");
    width = static_cast<int>(x.shape.back());
    count = elementsOf(x.shape) / width;
    auto perRow = x.shape;
    perRow.back() = 1;
    elements = call.output(0, x.shape);
    scales = call.output(1, perRow);
  }
  Operand x;
  int width;
  size_t count;
  void *elements, *scales;
};

class CudaKernel : public Kernel {
 public:
  explicit CudaKernel(ElementType type) : kernels_(codeOf<round_rows_image>(), "round_rows", type, 1) {}

  void compute(const Call& call) const override {
    Rows own(call);
    if (own.count == 0) return;
    const bool wide = own.width % kernels_.vector == 0;
    const unsigned threads = threadsFor(own.width / kernels_.perThread(wide));
    void* arguments[] = {&own.x.data, &own.elements, &own.scales, &own.width};
    launch(kernels_.kernel(wide), {static_cast<unsigned>(own.count), threads, call.stream()}, arguments);
  }

 private:
  FloatKernels kernels_;
};

class CpuKernel : public Kernel {
 public:
  void compute(const Call& call) const override {
    const Rows own(call);
    call.parallel(own.count, [&own](size_t row) {
      const size_t start = row * own.width;
      const float* const x = static_cast<const float*>(own.x.data) + start;
      auto* const elements = static_cast<uint8_t*>(own.elements) + start;
      static_cast<float*>(own.scales)[row] = toE4m3Row(x, elements, own.width);
    });
  }
};

}  // namespace

std::vector<Operator> roundRows() {
  return forFloats(
      "RoundRows",
      [](ElementType type) {
        return Signature{{type}, {f8e4m3, f32}, {{0, ResultShape::sameColumns, f8e4m3}, {0, ResultShape::oneColumn, f32}}};
      },
      [](const Attributes&) { return std::make_unique<CpuKernel>(); },
      [](ElementType type, const Attributes&) { return std::make_unique<CudaKernel>(type); });
}

}  // namespace framewright
