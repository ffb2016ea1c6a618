/**
 * The operators of linear layers. `Linear`: x [..., in], weight [out, in], bias [out] → act(x · weightᵀ + bias) [..., out];
 * on CUDA in f32, f16 and bf16. `LinearFloat8`: x and weight in e4m3, with a scale for each of their rows; on CUDA in f32
 * and bf16; with the attribute `scaled` of 0 it gives the sums alone, for `RoundSums`. Products are cuBLASLt's. On a CPU both are there in f32, for graphs that are checked there.
 */
#include <array>
#include <map>
#include <mutex>

#include "../library/float-kernels.h"
#include "../library/float8.h"
#include "../library/gelu-host.h"
#include "../library/product.h"
#include "../library/row-groups.h"

/** What `kernel.cu` became. */
extern "C" const unsigned char linear_image[];

namespace framewright {
namespace {

/** The operands of a call, whose shapes fit each other. */
struct Operands {
  Operands(const Call& call, size_t weightAt, size_t biasAt)
      : x(call.input(0)), weight(call.input(weightAt)), bias(call.input(biasAt)) {
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
  bool isEmpty() const { return shape.rows == 0 || shape.out == 0; }
  Operand x, weight, bias;
  ProductShape shape;
  std::vector<int64_t> result;
};

/** The operands of `LinearFloat8`. */
struct Float8Operands : Operands {
  explicit Float8Operands(const Call& call) : Operands(call, 2, 4), xScales(call.input(1)), weightScales(call.input(3)) {
    if (elementsOf(xScales.shape) != shape.rows) throw std::runtime_error("expected a scale of each row");
    if (elementsOf(weightScales.shape) != shape.out) throw std::runtime_error("expected a scale of each row of the weight");
    // cuBLAS, "cublasLtMatmul()": dimensions of 8-bit floats.
    if (shape.in % 16 != 0 || shape.out % 16 != 0) throw std::runtime_error("expected sizes that are multiples of 16");
  }
  Operand xScales, weightScales;
};

cublaslt::DataType dataType(ElementType type) {
  return type == f32 ? cublaslt::R_32F : type == f16 ? cublaslt::R_16F : cublaslt::R_16BF;
}

/** Products by shape, each with the kernel that was chosen for it. */
using Products = std::map<ProductShape, std::unique_ptr<Product>>;

class CudaLinear : public Kernel {
 public:
  CudaLinear(ElementType type, bool gelu) : type_(dataType(type)), gelu_(gelu) {}

  void compute(const Call& call) const override {
    const Operands own(call, 1, 2);
    void* const y = call.output(0, own.result);
    if (own.isEmpty()) return;
    const ProductOperands operands{own.x.data, own.weight.data, own.bias.data, y};
    const std::lock_guard lock(mutex_);
    auto& product = products_[own.shape];
    if (product == nullptr || !product->takes(operands)) {
      product = std::make_unique<Product>(own.shape, ProductKind{type_, type_, true, gelu_, false}, operands);
      product->chooseOrThrow();
    }
    cublaslt::expect(product->run(call, operands), "cublasLtMatmul");
  }

 private:
  cublaslt::DataType type_;
  bool gelu_;
  mutable std::mutex mutex_;
  mutable Products products_;
};

/** What is done to the sums of 8-bit floats. */
struct AfterSums {
  /** Whether they are scaled and the bias is added; without, they are given as they are. */
  bool scaled;
  bool gelu;
};

/**
 * Products of 8-bit floats. Where cuBLASLt has no kernel that scales rows, or refuses to run the one that it names, sums
 * without scales are written and scaled in a pass of their own, as `kernel.cu` does it.
 */
class CudaLinearFloat8 : public Kernel {
 public:
  CudaLinearFloat8(ElementType type, const AfterSums& after)
      : type_(dataType(type)),
        after_(after),
        perThread_(type == f32 ? 4 : 8),
        scaleRows_(codeOf<linear_image>().find(type == f32 ? "scale_rows_f32_4" : "scale_rows_bf16_8")) {}

  void compute(const Call& call) const override {
    const Float8Operands own(call);
    void* const y = call.output(0, own.result);
    if (own.isEmpty()) return;
    const ProductOperands operands{own.x.data,       own.weight.data, own.bias.data, y,
                                   own.xScales.data, own.weightScales.data};
    const std::lock_guard lock(mutex_);
    if (after_.scaled && !inPasses_ && runScaled(call, own.shape, operands)) return;
    inPasses_ = true;
    cublaslt::expect(productOf(own.shape, operands, false)->run(call, operands), "cublasLtMatmul");
    if (after_.scaled) scaleRows(call, own.shape, operands);
  }

 private:
  /** Whether one product did all. */
  bool runScaled(const Call& call, const ProductShape& shape, const ProductOperands& operands) const {
    const Product* const product = productOf(shape, operands, true);
    if (product != nullptr && product->run(call, operands) == 0) return true;
    products_.clear();
    return false;
  }

  /** Null where there is no kernel that scales. */
  const Product* productOf(const ProductShape& shape, const ProductOperands& operands, bool scaled) const {
    auto& product = products_[shape];
    if (product != nullptr && product->takes(operands)) return product.get();
    const ProductKind kind{cublaslt::R_8F_E4M3, type_, scaled, scaled && after_.gelu, scaled};
    product = std::make_unique<Product>(shape, kind, operands);
    if (!scaled) product->chooseOrThrow();
    return !scaled || product->choose() ? product.get() : nullptr;
  }

  void scaleRows(const Call& call, const ProductShape& shape, ProductOperands operands) const {
    int width = static_cast<int>(shape.out), active = after_.gelu;
    void* arguments[] = {&operands.y, &operands.xScales, &operands.weightScales, &operands.bias, &width, &active};
    launch(scaleRows_, {static_cast<unsigned>(shape.rows), threadsFor(width / perThread_), call.stream()}, arguments);
  }

  cublaslt::DataType type_;
  AfterSums after_;
  int perThread_;
  DeviceFunction scaleRows_;
  mutable std::mutex mutex_;
  mutable bool inPasses_ = false;
  mutable Products products_;
};

/** x and the weight by row and column; sums in double, and what is done to them by column. */
template <class X, class Weight, class After>
void multiply(const Call& call, const Operands& own, X x, Weight weight, After after) {
  auto* const y = static_cast<float*>(call.output(0, own.result));
  call.parallel(own.shape.rows, [&, y](size_t row) {
    const auto [rows, in, out] = own.shape;
    for (size_t column = 0; column < out; ++column) {
      double sum = 0;
      for (size_t at = 0; at < in; ++at) sum += static_cast<double>(x(row, at)) * weight(column, at);
      y[row * out + column] = static_cast<float>(after(sum, column));
    }
  });
}

/** The bias and the activation. */
auto biased(const Operands& own, bool active) {
  return [bias = static_cast<const float*>(own.bias.data), active](double sum, size_t column) {
    const double shifted = sum + bias[column];
    return active ? gelu(shifted) : shifted;
  };
}

class CpuLinear : public Kernel {
 public:
  explicit CpuLinear(bool gelu) : gelu_(gelu) {}

  void compute(const Call& call) const override {
    const Operands own(call, 1, 2);
    const auto at = [&own](const Operand& operand) {
      return [of = static_cast<const float*>(operand.data), in = own.shape.in](size_t row, size_t column) {
        return of[row * in + column];
      };
    };
    multiply(call, own, at(own.x), at(own.weight), biased(own, gelu_));
  }

 private:
  bool gelu_;
};

class CpuLinearFloat8 : public Kernel {
 public:
  explicit CpuLinearFloat8(const AfterSums& after) : after_(after) {}

  void compute(const Call& call) const override {
    const Float8Operands own(call);
    std::array<float, 256> values;
    for (int bits = 0; bits < 256; ++bits) values[bits] = fromE4m3(static_cast<uint8_t>(bits));
    const auto at = [&own, &values](const Operand& operand, auto scaleOf) {
      const auto* const of = static_cast<const uint8_t*>(operand.data);
      return [=, &values, in = own.shape.in](size_t row, size_t column) {
        return static_cast<double>(values[of[row * in + column]]) * scaleOf(row);
      };
    };
    if (!after_.scaled) {
      const auto one = [](size_t) { return 1.f; };
      return multiply(call, own, at(own.x, one), at(own.weight, one), [](double sum, size_t) { return sum; });
    }
    const auto scaleIn = [](const Operand& scales) {
      return [of = static_cast<const float*>(scales.data)](size_t row) { return of[row]; };
    };
    multiply(call, own, at(own.x, scaleIn(own.xScales)), at(own.weight, scaleIn(own.weightScales)),
             biased(own, after_.gelu));
  }

 private:
  AfterSums after_;
};

bool hasGelu(const Attributes& attributes) { return attributes.number("gelu") != 0; }

AfterSums afterSums(const Attributes& attributes) {
  return {attributes.number("scaled") != 0, hasGelu(attributes)};
}

/** Inputs x, its scales, weight, its scales, bias. */
template <class OfType>
Operator linearFloat8(Provider provider, ElementType type) {
  return {"LinearFloat8", provider, {f8e4m3, f32, f8e4m3, f32, type}, {type}, {ResultShape(0, 2).withTypeOf(4)}, OfType{type}};
}

struct OnCpu {
  ElementType type;
  std::unique_ptr<Kernel> operator()(const Attributes& attributes) const {
    return std::make_unique<CpuLinearFloat8>(afterSums(attributes));
  }
};

struct OnCuda {
  ElementType type;
  std::unique_ptr<Kernel> operator()(const Attributes& attributes) const {
    return std::make_unique<CudaLinearFloat8>(type, afterSums(attributes));
  }
};

}  // namespace

std::vector<Operator> linear() {
  auto all = forFloats(
      "Linear",
      [](ElementType type) { return Signature{{type, type, type}, {type}, {{0, 1}}}; },
      [](const Attributes& attributes) { return std::make_unique<CpuLinear>(hasGelu(attributes)); },
      [](ElementType type, const Attributes& attributes) {
        return std::make_unique<CudaLinear>(type, hasGelu(attributes));
      });
  all.push_back(linearFloat8<OnCpu>(Provider::cpu, f32));
  for (const ElementType type : {f32, bf16}) all.push_back(linearFloat8<OnCuda>(Provider::cuda, type));
  return all;
}

}  // namespace framewright
