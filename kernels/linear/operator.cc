/**
 * The operator `Linear`: x [..., in], weight [out, in], bias [out] → act(x · weightᵀ + bias) [..., out]. On CUDA in f32,
 * f16 and bf16, by cuBLASLt; on a CPU in f32, for graphs that are checked there.
 */
#include <cmath>
#include <map>
#include <mutex>

#include "../library/float-kernels.h"
#include "../library/product.h"
#include "../library/row-groups.h"

namespace framewright {
namespace {

/** The operands of a call, whose shapes fit each other. */
struct Operands {
  explicit Operands(const Call& call) : x(call.input(0)), weight(call.input(1)), bias(call.input(2)) {
    if (weight.shape.size() != 2) throw std::runtime_error("expected a weight of two axes");
    if (x.shape.empty() || x.shape.back() != weight.shape[1]) {
      throw std::runtime_error("expected rows of the weight's width");
    }
    if (bias.shape != std::vector<int64_t>{weight.shape[0]}) {
      throw std::runtime_error("expected a bias of one for each row of the weight");
    }
    shape.out = static_cast<size_t>(weight.shape[0]);
    shape.in = static_cast<size_t>(weight.shape[1]);
    shape.rows = shape.in == 0 ? 0 : elementsOf(x.shape) / shape.in;
    result = x.shape;
    result.back() = weight.shape[0];
  }
  Operand x, weight, bias;
  ProductShape shape;
  std::vector<int64_t> result;
};

cublaslt::DataType dataType(ElementType type) {
  return type == f32 ? cublaslt::R_32F : type == f16 ? cublaslt::R_16F : cublaslt::R_16BF;
}

class CudaKernel : public Kernel {
 public:
  CudaKernel(ElementType type, bool gelu) : type_(dataType(type)), gelu_(gelu) {}

  void compute(const Call& call) const override {
    const Operands own(call);
    void* const y = call.output(0, own.result);
    if (own.shape.rows == 0 || own.shape.out == 0) return;
    const ProductOperands operands{own.x.data, own.weight.data, own.bias.data, y};
    const std::lock_guard lock(mutex_);
    auto& product = products_[own.shape];
    if (product == nullptr || !product->takes(operands)) {
      product = std::make_unique<Product>(own.shape, ProductTypes{type_, type_}, gelu_, operands);
    }
    product->run(call, operands);
  }

 private:
  cublaslt::DataType type_;
  bool gelu_;
  mutable std::mutex mutex_;
  mutable std::map<ProductShape, std::unique_ptr<Product>> products_;
};

/** The Gaussian error linear unit, in its form with the hyperbolic tangent. */
double gelu(double x) {
  constexpr double rootOfTwoOverPi = 0.7978845608028654;
  return 0.5 * x * (1 + std::tanh(rootOfTwoOverPi * (x + 0.044715 * x * x * x)));
}

class CpuKernel : public Kernel {
 public:
  explicit CpuKernel(bool gelu) : gelu_(gelu) {}

  void compute(const Call& call) const override {
    const Operands own(call);
    auto* const y = static_cast<float*>(call.output(0, own.result));
    call.parallel(own.shape.rows, [&own, y, this](size_t row) { multiply(own, row, y); });
  }

 private:
  void multiply(const Operands& own, size_t row, float* y) const {
    const auto [rows, in, out] = own.shape;
    const float* const x = static_cast<const float*>(own.x.data) + row * in;
    for (size_t column = 0; column < out; ++column) {
      const float* const weight = static_cast<const float*>(own.weight.data) + column * in;
      double sum = static_cast<const float*>(own.bias.data)[column];
      for (size_t at = 0; at < in; ++at) sum += static_cast<double>(x[at]) * weight[at];
      y[row * out + column] = static_cast<float>(gelu_ ? gelu(sum) : sum);
    }
  }

  bool gelu_;
};

bool hasGelu(const Attributes& attributes) { return attributes.number("gelu") != 0; }

}  // namespace

std::vector<Operator> linear() {
  return forFloats(
      "Linear",
      [](ElementType type) { return Signature{{type, type, type}, {type}, {{0, 1}}}; },
      [](const Attributes& attributes) { return std::make_unique<CpuKernel>(hasGelu(attributes)); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaKernel>(type, hasGelu(attributes));
      });
}

}  // namespace framewright
