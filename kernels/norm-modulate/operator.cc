/**
 * The operator `NormModulate`: x [..., width], scale and shift f32 [..., width] of fewer rows → x, normalised and
 * modulated. On CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that are checked there.
 */
#include <cmath>

#include "../library/device-code.h"
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
  CudaKernel(ElementType type, const Options& options) : options_(options), vector_(type == f32 ? 4 : 8) {
    static const DeviceCode code(norm_modulate_image);
    const std::string prefix = std::string("norm_modulate_") + (type == f32 ? "f32" : type == f16 ? "f16" : "bf16");
    wide_ = code.find((prefix + "_" + std::to_string(vector_)).c_str());
    single_ = code.find((prefix + "_1").c_str());
  }

  void compute(const Call& call) const override {
    Operands own(call);
    void* y = call.output(0, own.x.shape);
    auto [groups, rows, width] = own.about;
    if (rows == 0) return;
    const bool wide = width % vector_ == 0;
    const int perThread = wide ? vector_ : 1;
    const int held = perThread == 8 ? 1 : 2;  // vectors of a row that a thread has, as in kernel.cu
    const int vectors = width / perThread;
    const int threads = ((vectors > mostThreads ? (vectors + held - 1) / held : vectors) + 31) / 32 * 32;
    if (threads > mostThreads) {
      throw std::runtime_error("expected a width of at most " + std::to_string(mostThreads * held * perThread) +
                               ", got " + std::to_string(width));
    }
    int perBlock = rowsPerBlock, centered = options_.centered;
    float epsilon = options_.epsilon, offset = options_.offset;
    void* arguments[] = {&own.x.data, &own.scale.data, &own.shift.data, &y,      &width,
                         &rows,       &perBlock,       &epsilon,        &offset, &centered};
    launch(wide ? wide_ : single_, {blocksOf(own.about), static_cast<unsigned>(threads), call.stream()}, arguments);
  }

 private:
  static constexpr int mostThreads = 1024;  // of a block

  Options options_;
  int vector_;
  DeviceFunction wide_, single_;
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

template <class Create>
Operator describe(Provider provider, ElementType type, Create create) {
  return {"NormModulate", provider, {type, f32, f32}, {type}, {0},
          [create](const Attributes& attributes) { return create(Options(attributes)); }};
}

}  // namespace

std::vector<Operator> normModulate() {
  std::vector<Operator> all = {describe(Provider::cpu, f32, [](const Options& options) -> std::unique_ptr<Kernel> {
    return std::make_unique<CpuKernel>(options);
  })};
  for (const ElementType type : {f32, f16, bf16}) {
    all.push_back(describe(Provider::cuda, type, [type](const Options& options) -> std::unique_ptr<Kernel> {
      return std::make_unique<CudaKernel>(type, options);
    }));
  }
  return all;
}

}  // namespace framewright
