/**
 * The operator `RoundSums`: sums [..., width] of `LinearFloat8` that it has not scaled, a scale for each of their rows and
 * for each of their columns, a bias [width] → act(sums · scales + bias) in 8-bit floats as `kernels/round-rows` gives them:
 * elements e4m3 [..., width], scales f32 [..., 1]. On CUDA in f32 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that
 * are checked there.
 */
#include <vector>

#include "../library/float-kernels.h"
#include "../library/float8.h"
#include "../library/gelu-host.h"
#include "../library/row-groups.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char round_sums_image[];

namespace framewright {
namespace {

/** Threads of a block, and the channels that one holds, as `kernel.cu` has them. */
constexpr int mostOfBlock = 512, heldByThread = 32;

/** The operands of a call, whose shapes fit each other, and room for what it gives. */
struct Rows {
  explicit Rows(const Call& call)
      : sums(call.input(0)), rowScales(call.input(1)), columnScales(call.input(2)), bias(call.input(3)) {
    if (sums.shape.empty() || sums.shape.back() < 1) throw std::runtime_error("expected rows of at least one channel");
    width = static_cast<int>(sums.shape.back());
    count = elementsOf(sums.shape) / width;
    if (elementsOf(rowScales.shape) != count) throw std::runtime_error("expected a scale of each row");
    if (elementsOf(columnScales.shape) != static_cast<size_t>(width)) {
      throw std::runtime_error("expected a scale of each column");
    }
    if (bias.shape != std::vector<int64_t>{width}) throw std::runtime_error("expected a bias of one for each column");
    auto perRow = sums.shape;
    perRow.back() = 1;
    elements = call.output(0, sums.shape);
    scales = call.output(1, perRow);
  }
  Operand sums, rowScales, columnScales, bias;
  int width;
  size_t count;
  void *elements, *scales;
};

/** Threads that hold a row, each with as many vectors of it as the others. */
unsigned threadsOf(int width, int perThread) {
  const int vectors = width / perThread;
  if (width > mostOfBlock * heldByThread) {
    throw std::runtime_error("expected a width of at most " + std::to_string(mostOfBlock * heldByThread) + ", got " +
                             std::to_string(width));
  }
  const int ofThread = (vectors + mostOfBlock - 1) / mostOfBlock;
  return threadsFor((vectors + ofThread - 1) / ofThread);
}

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, bool gelu)
      : gelu_(gelu),
        perThread_(type == f32 ? 4 : 8),
        kernel_(codeOf<round_sums_image>().find(type == f32 ? "round_sums_f32_4" : "round_sums_bf16_8")) {}

  void compute(const Call& call) const override {
    Rows own(call);
    if (own.count == 0) return;
    if (own.width % perThread_ != 0) throw std::runtime_error("expected a width of whole vectors of 16 bytes");
    const unsigned threads = threadsOf(own.width, perThread_);
    int active = gelu_;
    void* arguments[] = {&own.sums.data, &own.rowScales.data, &own.columnScales.data, &own.bias.data,
                         &own.elements,  &own.scales,         &own.width,             &active};
    launch(kernel_, {static_cast<unsigned>(own.count), threads, call.stream()}, arguments);
  }

 private:
  bool gelu_;
  int perThread_;
  DeviceFunction kernel_;
};

class CpuKernel : public Kernel {
 public:
  explicit CpuKernel(bool gelu) : gelu_(gelu) {}

  void compute(const Call& call) const override {
    const Rows own(call);
    call.parallel(own.count, [&own, this](size_t row) {
      const size_t start = row * own.width;
      const float* const sums = static_cast<const float*>(own.sums.data) + start;
      const double rowScale = static_cast<const float*>(own.rowScales.data)[row];
      std::vector<float> y(own.width);
      for (int column = 0; column < own.width; ++column) {
        const double scaled = sums[column] * rowScale * static_cast<const float*>(own.columnScales.data)[column];
        const double sum = scaled + static_cast<const float*>(own.bias.data)[column];
        y[column] = static_cast<float>(gelu_ ? gelu(sum) : sum);
      }
      auto* const elements = static_cast<uint8_t*>(own.elements) + start;
      static_cast<float*>(own.scales)[row] = toE4m3Row(y.data(), elements, own.width);
    });
  }

 private:
  bool gelu_;
};

Operator operatorOf(Provider provider, ElementType type) {
  return {"RoundSums",
          provider,
          {type, f32, f32, type},
          {f8e4m3, f32},
          {{0, ResultShape::sameColumns, f8e4m3}, {0, ResultShape::oneColumn, f32}},
          [=](const Attributes& attributes) -> std::unique_ptr<Kernel> {
            const bool gelu = attributes.number("gelu") != 0;
            if (provider == Provider::cpu) return std::make_unique<CpuKernel>(gelu);
            return std::make_unique<CudaKernel>(type, gelu);
          }};
}

}  // namespace

std::vector<Operator> roundSums() {
  std::vector<Operator> all = {operatorOf(Provider::cpu, f32)};
  for (const ElementType type : {f32, bf16}) all.push_back(operatorOf(Provider::cuda, type));
  return all;
}

}  // namespace framewright
