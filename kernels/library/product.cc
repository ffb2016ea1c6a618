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
Product::Product(const ProductShape& shape, const ProductKind& kind, const ProductOperands& example)
    : shape_(shape), kind_(kind), alignment_(alignmentOf(example)) {
  expect(functions().cublasLtMatmulDescCreate(&desc_, COMPUTE_32F, R_32F), "cublasLtMatmulDescCreate");
  set(desc_, MATMUL_DESC_TRANSA, OP_T);
  set(desc_, MATMUL_DESC_TRANSB, OP_N);
  const int epilogue = (kind.bias ? EPILOGUE_BIAS : 0) | (kind.gelu ? EPILOGUE_GELU : 0);
  set(desc_, MATMUL_DESC_EPILOGUE, epilogue == 0 ? static_cast<int>(EPILOGUE_DEFAULT) : epilogue);
  if (kind.bias) set(desc_, MATMUL_DESC_BIAS_DATA_TYPE, kind.result);
  if (kind.scaled) {
    // Older versions do not know the attribute: they have no kernel either.
    for (const DescAttribute mode : {MATMUL_DESC_A_SCALE_MODE, MATMUL_DESC_B_SCALE_MODE}) {
      const int outer = SCALE_OUTER_VEC_32F;
      const Status status = functions().cublasLtMatmulDescSetAttribute(desc_, mode, &outer, sizeof outer);
      if (status != 0) refusal_ = status;
    }
  }
  setPointers(example);
  weight_ = layout(kind.operands, shape.out, shape.in);
  x_ = layout(kind.operands, shape.rows, shape.in);
  y_ = layout(kind.result, shape.rows, shape.out);
}

bool Product::choose() {
  if (refusal_ != 0) return false;
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
  refusal_ = functions().cublasLtMatmulAlgoGetHeuristic(handle(), desc_, weight_, x_, y_, y_, preference, 1, &first,
                                                        &found);
  if (refusal_ == 0) refusal_ = first.state;
  if (refusal_ != 0 || found == 0) return false;
  algorithm_ = first.algorithm;
  workspaceBytes_ = first.workspaceBytes;
  return true;
}

void Product::chooseOrThrow() {
  if (choose()) return;
  const auto size = [](size_t value) { return std::to_string(value); };
  throw std::runtime_error("cuBLASLt: expected a kernel for [" + size(shape_.rows) + ", " + size(shape_.in) + "] · [" +
                           size(shape_.in) + ", " + size(shape_.out) + "] of types " + size(kind_.operands) + " and " +
                           size(kind_.result) + ", got none (" + functions().cublasLtGetStatusString(refusal_) + ")" +
                           (kind_.operands == R_8F_E4M3 ? ". 8-bit floats need compute capability 8.9" : ""));
}

void Product::setPointers(const ProductOperands& operands) const {
  if (kind_.bias) set(desc_, MATMUL_DESC_BIAS_POINTER, operands.bias);
  if (!kind_.scaled) return;
  set(desc_, MATMUL_DESC_A_SCALE_POINTER, operands.weightScales);
  set(desc_, MATMUL_DESC_B_SCALE_POINTER, operands.xScales);
}

Product::~Product() {
  for (const Layout each : {weight_, x_, y_}) {
    if (each != nullptr) functions().cublasLtMatrixLayoutDestroy(each);
  }
  if (desc_ != nullptr) functions().cublasLtMatmulDescDestroy(desc_);
}

bool Product::takes(const ProductOperands& operands) const { return alignmentOf(operands) >= alignment_; }

Status Product::run(const Call& call, const ProductOperands& operands) const {
  setPointers(operands);
  const Scratch workspace(call, workspaceBytes_);
  const float one = 1, zero = 0;
  return functions().cublasLtMatmul(handle(), desc_, &one, operands.weight, weight_, operands.x, x_, &zero, operands.y,
                                    y_, operands.y, y_, &algorithm_, workspace.data(), workspaceBytes_, call.stream());
}

}  // namespace framewright
