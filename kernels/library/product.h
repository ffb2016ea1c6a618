/** Matrix products by cuBLASLt: one shape's description, and the kernel that its heuristic names for it. */
#pragma once

#include <memory>

#include "cublaslt.h"
#include "operator.h"

namespace framewright {

/** y = act(x · Wᵀ + b): x [rows, in], W [out, in], y [rows, out], b [out], row-major. */
struct ProductShape {
  size_t rows = 0, in = 0, out = 0;
  bool operator<(const ProductShape& other) const {
    return rows != other.rows ? rows < other.rows : in != other.in ? in < other.in : out < other.out;
  }
};

struct ProductTypes {
  /** Of x and W, and of y and b. */
  cublaslt::DataType operands, result;
};

struct ProductOperands {
  const void *x, *weight, *bias;
  void* y;
};

class Product {
 public:
  /** Describes products of a shape, and takes cuBLASLt's first choice for them. */
  Product(const ProductShape&, ProductTypes, bool gelu, const ProductOperands& example);
  ~Product();
  Product(const Product&) = delete;
  /** Whether the kernel that was chosen takes operands at these addresses. */
  bool takes(const ProductOperands&) const;
  /** Puts a product on the call's stream. Not for two threads at once. */
  void run(const Call&, const ProductOperands&) const;

 private:
  void choose(const ProductShape&, ProductTypes);
  unsigned alignment_;
  cublaslt::MatmulDesc desc_ = nullptr;
  cublaslt::Layout weight_ = nullptr, x_ = nullptr, y_ = nullptr;
  cublaslt::Algorithm algorithm_{};
  size_t workspaceBytes_ = 0;
};

}  // namespace framewright
