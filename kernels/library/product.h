/** Matrix products by cuBLASLt: one shape's description, and the kernel that its heuristic names for it. */
#pragma once

#include <memory>
#include <string>

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

struct ProductKind {
  /** Of x and W, and of y and b. */
  cublaslt::DataType operands, result;
  bool bias = true, gelu = false;
  /** Whether rows of x and of W have scales, which sums are multiplied by. */
  bool scaled = false;
};

struct ProductOperands {
  const void *x, *weight, *bias;
  void* y;
  /** f32 [rows] and [out] */
  const void *xScales = nullptr, *weightScales = nullptr;
};

class Product {
 public:
  Product(const ProductShape&, const ProductKind&, const ProductOperands& example);
  ~Product();
  Product(const Product&) = delete;
  /** Takes cuBLASLt's first choice; false where it has none. */
  bool choose();
  /** Takes it, or throws. */
  void chooseOrThrow();
  /** Whether the kernel that was chosen takes operands at these addresses. */
  bool takes(const ProductOperands&) const;
  /** Puts a product on the call's stream, and gives cuBLASLt's status. Not for two threads at once. */
  cublaslt::Status run(const Call&, const ProductOperands&) const;

 private:
  void setPointers(const ProductOperands&) const;
  ProductShape shape_;
  ProductKind kind_;
  unsigned alignment_;
  cublaslt::MatmulDesc desc_ = nullptr;
  cublaslt::Layout weight_ = nullptr, x_ = nullptr, y_ = nullptr;
  cublaslt::Algorithm algorithm_{};
  cublaslt::Status refusal_ = 0;
  size_t workspaceBytes_ = 0;
};

}  // namespace framewright
