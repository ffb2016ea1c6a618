/**
 * The operator `QkNormRope`: query, key [batch, tokens, width], their scales [width], cos and sin f32 [batch, tokens,
 * pairs] → query and key. On CUDA in f32, f16 and bf16, by `kernel.cu`; on a CPU in f32, for graphs that are checked
 * there.
 */
#include <cmath>
#include <stdexcept>
#include <string>

#include "../library/float-kernels.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char qk_norm_rope_image[];

namespace framewright {
namespace {

/** The operands of a call, whose shapes fit each other. */
struct Operands {
  explicit Operands(const Call& call);
  Operand query, key, queryScale, keyScale, cos, sin;
  size_t tokens = 1;
  int width, pairs;
};

Operands::Operands(const Call& call)
    : query(call.input(0)),
      key(call.input(1)),
      queryScale(call.input(2)),
      keyScale(call.input(3)),
      cos(call.input(4)),
      sin(call.input(5)) {
  const auto& shape = query.shape;
  const std::vector<int64_t> scale = {shape.back()};
  if (shape.size() != 3 || key.shape != shape || queryScale.shape != scale || keyScale.shape != scale) {
    throw std::runtime_error("expected query and key of one shape of rank 3, and scales of their width");
  }
  if (cos.shape.size() != 3 || sin.shape != cos.shape || cos.shape[0] != shape[0] || cos.shape[1] != shape[1] ||
      cos.shape[2] < 1 || shape[2] % (2 * cos.shape[2]) != 0) {
    throw std::runtime_error("expected tables of a row a token, whose pairs divide the width");
  }
  tokens = static_cast<size_t>(shape[0] * shape[1]);
  width = static_cast<int>(shape[2]);
  pairs = static_cast<int>(cos.shape[2]);
}

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, float epsilon)
      : epsilon_(epsilon), kernels_(codeOf<qk_norm_rope_image>(), "qk_norm_rope", type, 2) {}

  void compute(const Call& call) const override {
    Operands x(call);
    void* query = call.output(0, x.query.shape);
    void* key = call.output(1, x.key.shape);
    if (x.tokens == 0) return;
    const bool wide = x.width % kernels_.vector == 0 && x.pairs % (kernels_.vector / 2) == 0;
    const int perThread = kernels_.perThread(wide);
    const unsigned threads = threadsHolding(x.width, perThread, perThread == 8 ? 1 : 2);  // as kernel.cu holds them
    float epsilon = epsilon_;
    void* arguments[] = {&x.query.data, &x.key.data, &x.queryScale.data, &x.keyScale.data, &x.cos.data, &x.sin.data,
                         &query,        &key,        &x.width,           &x.pairs,         &epsilon};
    launch(kernels_.kernel(wide), {static_cast<unsigned>(x.tokens), threads, call.stream()}, arguments);
  }

 private:
  float epsilon_;
  FloatKernels kernels_;
};

class CpuKernel : public Kernel {
 public:
  explicit CpuKernel(float epsilon) : epsilon_(epsilon) {}

  void compute(const Call& call) const override {
    const Operands x(call);
    auto* const query = static_cast<float*>(call.output(0, x.query.shape));
    auto* const key = static_cast<float*>(call.output(1, x.key.shape));
    call.parallel(x.tokens, [&](size_t token) {
      row(x, token, x.query, x.queryScale, query);
      row(x, token, x.key, x.keyScale, key);
    });
  }

 private:
  void row(const Operands& about, size_t token, const Operand& from, const Operand& scaleOf, float* to) const {
    const size_t width = about.width, pairs = about.pairs;
    const float* const x = static_cast<const float*>(from.data) + token * width;
    const float* const scale = static_cast<const float*>(scaleOf.data);
    const float* const cos = static_cast<const float*>(about.cos.data) + token * pairs;
    const float* const sin = static_cast<const float*>(about.sin.data) + token * pairs;
    float* const y = to + token * width;
    double squares = 0;
    for (size_t channel = 0; channel < width; ++channel) squares += static_cast<double>(x[channel]) * x[channel];
    const float inverse = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(width) + epsilon_));
    for (size_t pair = 0; pair < width / 2; ++pair) {
      const float even = x[2 * pair] * inverse * scale[2 * pair];
      const float odd = x[2 * pair + 1] * inverse * scale[2 * pair + 1];
      const float c = cos[pair % pairs], s = sin[pair % pairs];
      y[2 * pair] = even * c - odd * s;
      y[2 * pair + 1] = even * s + odd * c;
    }
  }

  float epsilon_;
};

}  // namespace

std::vector<Operator> qkNormRope() {
  return forFloats(
      "QkNormRope",
      [](ElementType type) {
        return Signature{{type, type, type, type, f32, f32}, {type, type}, {0, 1}};
      },
      [](const Attributes& attributes) { return std::make_unique<CpuKernel>(attributes.number("epsilon")); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaKernel>(type, attributes.number("epsilon"));
      });
}

}  // namespace framewright
