/**
 * cuBLASLt on a CPU, as its documentation defines it ("cublasLtMatmul()", "cublasLtEpilogue_t"): matrices in columns,
 * D = epilogue(alpha · op(A) · op(B) + beta · C), a bias of D's rows, sums in f32 or better, one rounding.
 */
#include "../../../kernels/library/cublaslt.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cmath>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "cublaslt.h"

namespace framewright::cublaslt {

struct MatmulDescription {
  std::map<int, uint64_t> values;
};

struct MatrixLayout {
  int type;
  uint64_t rows, columns;
  int64_t leading;
};

struct MatmulPreference {
  std::map<int, uint64_t> values;
};

namespace {

constexpr Status invalidValue = 7, notSupported = 15;
constexpr size_t workspaceOfAll = 1024;

double element(const void* data, int type, size_t at) {
  if (type == R_32F) return static_cast<const float*>(data)[at];
  if (type == R_16F) return __half2float(static_cast<const __half*>(data)[at]);
  if (type == R_8F_E4M3) return static_cast<float>(static_cast<const __nv_fp8_e4m3*>(data)[at]);
  return __bfloat162float(static_cast<const __nv_bfloat16*>(data)[at]);
}

void store(void* data, int type, size_t at, double value) {
  const auto single = static_cast<float>(value);
  if (type == R_32F) static_cast<float*>(data)[at] = single;
  if (type == R_16F) static_cast<__half*>(data)[at] = __float2half(single);
  if (type == R_16BF) static_cast<__nv_bfloat16*>(data)[at] = __float2bfloat16(single);
}

Status setValue(std::map<int, uint64_t>& values, int attribute, const void* value, size_t bytes) {
  if (bytes > 8) return invalidValue;
  uint64_t all = 0;
  std::memcpy(&all, value, bytes);
  values[attribute] = all;
  return 0;
}

const void* pointerOf(const MatmulDescription& desc, int attribute) {
  const auto found = desc.values.find(attribute);
  return found == desc.values.end() ? nullptr : reinterpret_cast<const void*>(found->second);
}

uint64_t valueOf(const MatmulDescription& desc, int attribute) {
  const auto found = desc.values.find(attribute);
  return found == desc.values.end() ? 0 : found->second;
}

/** The factor of a row of op(A), or of a column of op(B). */
double scaleOf(const MatmulDescription& desc, int pointer, int mode, size_t at) {
  const auto* const scales = static_cast<const float*>(pointerOf(desc, pointer));
  if (scales == nullptr) return 1;
  return scales[valueOf(desc, mode) == SCALE_OUTER_VEC_32F ? at : 0];
}

Status choose(Handle, MatmulDesc desc, Layout, Layout, Layout, Layout, Preference preference, int,
              HeuristicResult* result, int* found) {
  ++choices;
  *found = 0;
  if (findsNone) return notSupported;
  if (preference->values[PREF_MAX_WORKSPACE_BYTES] < workspaceOfAll) return notSupported;
  // A kernel with a bias is looked for with one.
  if ((valueOf(*desc, MATMUL_DESC_EPILOGUE) & EPILOGUE_BIAS) && !pointerOf(*desc, MATMUL_DESC_BIAS_POINTER)) {
    return invalidValue;
  }
  *result = {};
  result->workspaceBytes = workspaceOfAll;
  *found = 1;
  return 0;
}

Status multiply(Handle, MatmulDesc desc, const void* alpha, const void* a, Layout aLayout, const void* b,
                Layout bLayout, const void* beta, const void* c, Layout cLayout, void* d, Layout dLayout,
                const Algorithm* algorithm, void* workspace, size_t workspaceBytes, void*) {
  const bool turnedA = valueOf(*desc, MATMUL_DESC_TRANSA) == OP_T, turnedB = valueOf(*desc, MATMUL_DESC_TRANSB) == OP_T;
  const size_t rows = dLayout->rows, columns = dLayout->columns;
  const size_t inner = turnedA ? aLayout->rows : aLayout->columns;
  if ((turnedA ? aLayout->columns : aLayout->rows) != rows) return invalidValue;
  if ((turnedB ? bLayout->columns : bLayout->rows) != inner) return invalidValue;
  if ((turnedB ? bLayout->rows : bLayout->columns) != columns) return invalidValue;
  if (!scalesRows && valueOf(*desc, MATMUL_DESC_A_SCALE_MODE) == SCALE_OUTER_VEC_32F) return notSupported;
  if (algorithm == nullptr || workspace == nullptr || workspaceBytes < workspaceOfAll) return invalidValue;
  std::memset(workspace, 0xff, workspaceOfAll);
  const uint64_t epilogue = valueOf(*desc, MATMUL_DESC_EPILOGUE);
  const double one = *static_cast<const float*>(alpha), zero = *static_cast<const float*>(beta);
  for (size_t column = 0; column < columns; ++column) {
    for (size_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (size_t at = 0; at < inner; ++at) {
        const size_t ofA = turnedA ? at + row * aLayout->leading : row + at * aLayout->leading;
        const size_t ofB = turnedB ? column + at * bLayout->leading : at + column * bLayout->leading;
        sum += element(a, aLayout->type, ofA) * element(b, bLayout->type, ofB);
      }
      sum *= one * scaleOf(*desc, MATMUL_DESC_A_SCALE_POINTER, MATMUL_DESC_A_SCALE_MODE, row) *
             scaleOf(*desc, MATMUL_DESC_B_SCALE_POINTER, MATMUL_DESC_B_SCALE_MODE, column);
      if (zero != 0) sum += zero * element(c, cLayout->type, row + column * cLayout->leading);
      if (epilogue & EPILOGUE_BIAS) {
        const int type = static_cast<int>(valueOf(*desc, MATMUL_DESC_BIAS_DATA_TYPE));
        sum += element(pointerOf(*desc, MATMUL_DESC_BIAS_POINTER), type, row);
      }
      if (epilogue & EPILOGUE_GELU) {
        sum *= 0.5 * (1 + std::tanh(0.7978845608028654 * (sum + 0.044715 * sum * sum * sum)));
      }
      store(d, dLayout->type, row + column * dLayout->leading, sum);
    }
  }
  return 0;
}

const Functions all = {
    [](Handle* made) { return *made = reinterpret_cast<Handle>(made), 0; },
    [](Status status) { return status == notSupported ? "not supported" : "invalid value"; },
    [](MatmulDesc* desc, int, int) { return *desc = new MatmulDescription, 0; },
    [](MatmulDesc desc) { return delete desc, 0; },
    [](MatmulDesc desc, int attribute, const void* value, size_t bytes) {
      return setValue(desc->values, attribute, value, bytes);
    },
    [](Layout* layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
      return *layout = new MatrixLayout{type, rows, columns, leading}, 0;
    },
    [](Layout layout) { return delete layout, 0; },
    [](Preference* preference) { return *preference = new MatmulPreference, 0; },
    [](Preference preference) { return delete preference, 0; },
    [](Preference preference, int attribute, const void* value, size_t bytes) {
      return setValue(preference->values, attribute, value, bytes);
    },
    choose,
    multiply,
};

}  // namespace

const Functions& functions() { return all; }

Handle handle() { return nullptr; }

void expect(Status status, const char* what) {
  if (status != 0) throw std::runtime_error(std::string(what) + ": " + all.cublasLtGetStatusString(status));
}

}  // namespace framewright::cublaslt
