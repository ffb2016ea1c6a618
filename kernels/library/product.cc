#include "product.h"

#include <stdexcept>
#include <string>

namespace framewright {
namespace {

using namespace cublaslt;

/** What a kernel may take to work in. NVIDIA recommends 32 MiB on Hopper (cuBLAS, "cublasSetWorkspace()"). */
constexpr uint64_t mostWorkspace = 32 << 20;

/** The largest power of two up to 256 that divides all addresses. */
unsigned alignmentOf(const ProductOperands& operands) {
  uintptr_t all = 256;
  for (const void* each : {operands.x, operands.weight, operands.bias, static_cast<const void*>(operands.y)}) {
    all |= reinterpret_cast<uintptr_t>(each);
  }
  return static_cast<unsigned>(all & -all);
}

template <class Value>
void set(MatmulDesc desc, DescAttribute attribute, Value value) {
  expect(functions().cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value),
         "cublasLtMatmulDescSetAttribute");
}

template <class Value>
void set(Preference preference, PreferenceAttribute attribute, Value value) {
  expect(functions().cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
         "cublasLtMatmulPreferenceSetAttribute");
}

/** A row-major matrix is its transpose in the columns that cuBLAS has. */
Layout layout(DataType type, size_t rows, size_t width) {
  Layout made = nullptr;
  expect(functions().cublasLtMatrixLayoutCreate(&made, type, width, rows, static_cast<int64_t>(width)),
         "cublasLtMatrixLayoutCreate");
  return made;
}

}  // namespace

/** yᵀ = W · xᵀ in columns: W is stored as its transpose, xᵀ and yᵀ as they are, and the bias is one of yᵀ's rows. */
Product::Product(const ProductShape& shape, ProductTypes types, bool gelu, const ProductOperands& example)
    : alignment_(alignmentOf(example)) {
  expect(functions().cublasLtMatmulDescCreate(&desc_, COMPUTE_32F, R_32F), "cublasLtMatmulDescCreate");
  set(desc_, MATMUL_DESC_TRANSA, OP_T);
  set(desc_, MATMUL_DESC_TRANSB, OP_N);
  set(desc_, MATMUL_DESC_EPILOGUE, gelu ? EPILOGUE_GELU_BIAS : EPILOGUE_BIAS);
  set(desc_, MATMUL_DESC_BIAS_DATA_TYPE, types.result);
  set(desc_, MATMUL_DESC_BIAS_POINTER, example.bias);
  weight_ = layout(types.operands, shape.out, shape.in);
  x_ = layout(types.operands, shape.rows, shape.in);
  y_ = layout(types.result, shape.rows, shape.out);
  choose(shape, types);
}

void Product::choose(const ProductShape& shape, ProductTypes types) {
  Preference preference = nullptr;
  expect(functions().cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const std::unique_ptr<MatmulPreference, Status (*)(Preference)> owner(
      preference, functions().cublasLtMatmulPreferenceDestroy);
  set(preference, PREF_MAX_WORKSPACE_BYTES, mostWorkspace);
  for (const PreferenceAttribute operand : {PREF_MIN_ALIGNMENT_A_BYTES, PREF_MIN_ALIGNMENT_B_BYTES,
                                            PREF_MIN_ALIGNMENT_C_BYTES, PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(preference, operand, static_cast<uint32_t>(alignment_));
  }
  HeuristicResult first{};
  int found = 0;
  const Status status = functions().cublasLtMatmulAlgoGetHeuristic(handle(), desc_, weight_, x_, y_, y_, preference, 1,
                                                                   &first, &found);
  if (status != 0 || found == 0 || first.state != 0) {
    const auto size = [](size_t value) { return std::to_string(value); };
    throw std::runtime_error("cuBLASLt: expected a kernel for [" + size(shape.rows) + ", " + size(shape.in) + "] · [" +
                             size(shape.in) + ", " + size(shape.out) + "] of types " + size(types.operands) + " and " +
                             size(types.result) + ", got none (" + functions().cublasLtGetStatusString(status) + ")");
  }
  algorithm_ = first.algorithm;
  workspaceBytes_ = first.workspaceBytes;
}

Product::~Product() {
  for (const Layout each : {weight_, x_, y_}) {
    if (each != nullptr) functions().cublasLtMatrixLayoutDestroy(each);
  }
  if (desc_ != nullptr) functions().cublasLtMatmulDescDestroy(desc_);
}

bool Product::takes(const ProductOperands& operands) const { return alignmentOf(operands) >= alignment_; }

void Product::run(const Call& call, const ProductOperands& operands) const {
  set(desc_, MATMUL_DESC_BIAS_POINTER, operands.bias);
  const Scratch workspace(call, workspaceBytes_);
  const float one = 1, zero = 0;
  expect(functions().cublasLtMatmul(handle(), desc_, &one, operands.weight, weight_, operands.x, x_, &zero, operands.y,
                                    y_, operands.y, y_, &algorithm_, workspace.data(), workspaceBytes_, call.stream()),
         "cublasLtMatmul");
}

}  // namespace framewright
