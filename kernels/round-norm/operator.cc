/**
 * The operators `RoundNorm` and `RoundResidualNorm`: those of `kernels/norm-modulate` and `kernels/residual-norm`, whose
 * normalised rows are given in 8-bit floats as `kernels/round-rows` gives them: elements e4m3 [..., width], scales f32
 * [..., 1]. On CUDA in f32 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that are checked there.
 */
#include <vector>

#include "../library/float-kernels.h"
#include "../library/float8.h"
#include "../library/row-groups.h"
#include "../library/row-norm-host.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char round_norm_image[];

namespace framewright {
namespace {

/** The operands of a call, whose shapes fit each other, and room for what it gives. */
struct Rows {
  /** @param adds whether an update is added before the norm */
  Rows(const Call& call, bool adds)
      : x(call.input(0)), scale(call.input(adds ? 3 : 1)), shift(call.input(adds ? 4 : 2)) {
    ofScale = rowGroups(x, scale, "scale");
    if (shift.shape != scale.shape) throw std::runtime_error("expected a shift of the scale's shape");
    if (adds) {
      update = call.input(1);
      gate = call.input(2);
      ofGate = rowGroups(x, gate, "gate");
      if (update.shape != x.shape) throw std::runtime_error("expected an update of the operand's shape");
      total = call.output(0, x.shape);
    }
    const size_t first = adds ? 1 : 0;
    auto perRow = x.shape;
    perRow.back() = 1;
    elements = call.output(first, x.shape);
    scales = call.output(first + 1, perRow);
  }
  size_t count() const { return ofScale.groups * ofScale.rows; }

  Operand x, scale, shift, update{}, gate{};
  RowGroups ofScale, ofGate;
  void *total = nullptr, *elements, *scales;
};

/** Channels of 16 bytes. */
int perThread(ElementType type) { return type == f32 ? 4 : 8; }

const char* kernelName(ElementType type, bool adds) {
  if (adds) return type == f32 ? "round_residual_norm_f32_4" : "round_residual_norm_bf16_8";
  return type == f32 ? "round_norm_f32_4" : "round_norm_bf16_8";
}

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, bool adds, const NormOptions& options)
      : adds_(adds),
        perThread_(perThread(type)),
        options_(options),
        kernel_(codeOf<round_norm_image>().find(kernelName(type, adds))) {}

  void compute(const Call& call) const override {
    Rows own(call, adds_);
    if (own.count() == 0) return;
    int width = own.ofScale.width;
    if (width % perThread_ != 0) throw std::runtime_error("expected a width of whole vectors of 16 bytes");
    auto [epsilon, offset, centered] = options_;
    std::vector<void*> arguments = {&own.x.data};
    if (adds_) arguments.insert(arguments.end(), {&own.update.data, &own.gate.data});
    arguments.insert(arguments.end(), {&own.scale.data, &own.shift.data});
    if (adds_) arguments.push_back(&own.total);
    arguments.insert(arguments.end(), {&own.elements, &own.scales, &width});
    if (adds_) arguments.push_back(&own.ofGate.rows);
    arguments.insert(arguments.end(), {&own.ofScale.rows, &epsilon, &offset, &centered});
    const unsigned threads = threadsOfRow(width, perThread_);
    launch(kernel_, {static_cast<unsigned>(own.count()), threads, call.stream()}, arguments.data());
  }

 private:
  bool adds_;
  int perThread_;
  NormOptions options_;
  DeviceFunction kernel_;
};

class CpuKernel : public Kernel {
 public:
  CpuKernel(bool adds, const NormOptions& options) : adds_(adds), options_(options) {}

  void compute(const Call& call) const override {
    const Rows own(call, adds_);
    call.parallel(own.count(), [&own, this](size_t row) { normalize(own, row); });
  }

 private:
  void normalize(const Rows& own, size_t row) const {
    const size_t width = own.ofScale.width, start = row * width, group = row / own.ofScale.rows * width;
    const float* x = static_cast<const float*>(own.x.data) + start;
    if (adds_) {
      float* const total = static_cast<float*>(own.total) + start;
      const float* const update = static_cast<const float*>(own.update.data) + start;
      const float* const gate = static_cast<const float*>(own.gate.data) + row / own.ofGate.rows * width;
      addRow(x, update, gate, total, width);
      x = total;
    }
    std::vector<float> y(width);
    const float* const scale = static_cast<const float*>(own.scale.data) + group;
    const float* const shift = static_cast<const float*>(own.shift.data) + group;
    normalizeRow(x, scale, shift, y.data(), width, options_);
    static_cast<float*>(own.scales)[row] = toE4m3Row(y.data(), static_cast<uint8_t*>(own.elements) + start, width);
  }

  bool adds_;
  NormOptions options_;
};

Operator operatorOf(bool adds, Provider provider, ElementType type) {
  // Of the rows: elements and scales.
  const std::vector<ResultShape> rounded = {{0, ResultShape::sameColumns, f8e4m3}, {0, ResultShape::oneColumn, f32}};
  const auto create = [=](const Attributes& attributes) -> std::unique_ptr<Kernel> {
    if (provider == Provider::cpu) return std::make_unique<CpuKernel>(adds, normOptions(attributes));
    return std::make_unique<CudaKernel>(type, adds, normOptions(attributes));
  };
  if (!adds) return {"RoundNorm", provider, {type, f32, f32}, {f8e4m3, f32}, rounded, create};
  return {"RoundResidualNorm",    provider, {type, type, f32, f32, f32}, {type, f8e4m3, f32},
          {0, rounded[0], rounded[1]}, create};
}

}  // namespace

std::vector<Operator> roundNorm() {
  std::vector<Operator> all;
  for (const bool adds : {false, true}) {
    all.push_back(operatorOf(adds, Provider::cpu, f32));
    for (const ElementType type : {f32, bf16}) all.push_back(operatorOf(adds, Provider::cuda, type));
  }
  return all;
}

}  // namespace framewright
