/**
 * The part of cuBLASLt's C interface that matrix products are made of. NVIDIA's header is not needed to build: values and
 * signatures are those of `cublasLt.h` and `library_types.h`, which are the same in CUDA 12 and 13. Names are without their
 * prefixes `CUBLASLT_` and `CUDA_`. Scale modes are there since CUDA 12.9.
 */
#pragma once

#include <cstddef>
#include <cstdint>

namespace framewright::cublaslt {

/** cudaDataType_t */
enum DataType : int { R_32F = 0, R_16F = 2, R_16BF = 14, R_8F_E4M3 = 28 };

/** cublasComputeType_t */
enum ComputeType : int { COMPUTE_32F = 68 };

/** cublasOperation_t */
enum Operation : int { OP_N = 0, OP_T = 1 };

/** cublasLtEpilogue_t: GELU is the form with the hyperbolic tangent. */
enum Epilogue : int { EPILOGUE_DEFAULT = 1, EPILOGUE_BIAS = 4, EPILOGUE_GELU = 32, EPILOGUE_GELU_BIAS = 36 };

/** cublasLtMatmulDescAttributes_t */
enum DescAttribute : int {
  MATMUL_DESC_TRANSA = 3,
  MATMUL_DESC_TRANSB = 4,
  MATMUL_DESC_EPILOGUE = 7,
  MATMUL_DESC_BIAS_POINTER = 8,
  MATMUL_DESC_A_SCALE_POINTER = 17,
  MATMUL_DESC_B_SCALE_POINTER = 18,
  MATMUL_DESC_BIAS_DATA_TYPE = 26,
  MATMUL_DESC_A_SCALE_MODE = 31,
  MATMUL_DESC_B_SCALE_MODE = 32
};

/** cublasLtMatmulMatrixScale_t */
enum ScaleMode : int { SCALE_SCALAR_32F = 0, SCALE_OUTER_VEC_32F = 3 };

/** cublasLtMatmulPreferenceAttributes_t */
enum PreferenceAttribute : int {
  PREF_MAX_WORKSPACE_BYTES = 1,
  PREF_MIN_ALIGNMENT_A_BYTES = 5,
  PREF_MIN_ALIGNMENT_B_BYTES = 6,
  PREF_MIN_ALIGNMENT_C_BYTES = 7,
  PREF_MIN_ALIGNMENT_D_BYTES = 8
};

/** cublasLtMatmulAlgo_t */
struct Algorithm {
  uint64_t data[8];
};

/** cublasLtMatmulHeuristicResult_t */
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspaceBytes;
  int state;
  float waves;
  int reserved[4];
};

/** Handles and descriptors. */
using Handle = struct Context*;
using MatmulDesc = struct MatmulDescription*;
using Layout = struct MatrixLayout*;
using Preference = struct MatmulPreference*;

/** cublasStatus_t: 0 is success. */
using Status = int;

struct Functions {
  Status (*cublasLtCreate)(Handle*);
  const char* (*cublasLtGetStatusString)(Status);
  Status (*cublasLtMatmulDescCreate)(MatmulDesc*, int computeType, int scaleType);
  Status (*cublasLtMatmulDescDestroy)(MatmulDesc);
  Status (*cublasLtMatmulDescSetAttribute)(MatmulDesc, int attribute, const void* value, size_t bytes);
  Status (*cublasLtMatrixLayoutCreate)(Layout*, int type, uint64_t rows, uint64_t columns, int64_t leading);
  Status (*cublasLtMatrixLayoutDestroy)(Layout);
  Status (*cublasLtMatmulPreferenceCreate)(Preference*);
  Status (*cublasLtMatmulPreferenceDestroy)(Preference);
  Status (*cublasLtMatmulPreferenceSetAttribute)(Preference, int attribute, const void* value, size_t bytes);
  Status (*cublasLtMatmulAlgoGetHeuristic)(Handle, MatmulDesc, Layout a, Layout b, Layout c, Layout d, Preference,
                                           int asked, HeuristicResult*, int* found);
  Status (*cublasLtMatmul)(Handle, MatmulDesc, const void* alpha, const void* a, Layout, const void* b, Layout,
                           const void* beta, const void* c, Layout, void* d, Layout, const Algorithm*,
                           void* workspace, size_t workspaceBytes, void* stream);
};

/**
 * The library that ONNX Runtime's CUDA provider has loaded: another version would be a second one in the process.
 * Throws std::runtime_error where there is none, or an older one.
 */
const Functions& functions();

/** The handle of the context that is current on the thread, made when it is first asked for and kept. */
Handle handle();

/** Throws std::runtime_error for any status but success. */
void expect(Status status, const char* what);

}  // namespace framewright::cublaslt
