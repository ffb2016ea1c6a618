/*
 * The part of a stand-in for cuBLASLt that answers. A product is counted by its epilogue, where its descriptors agree; the
 * values of attributes are those of cublasLt.h. stand-in.ts adds a function that returns 0 for every other one that the
 * provider imports.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stand_in_log(const char *, const char *, size_t) __attribute__((weak));

enum { success = 0, invalid_value = 7, not_supported = 15, workspace_bytes = 4 << 20 };
enum { trans_a = 3, trans_b = 4, epilogue = 7, bias_pointer = 8, a_scale = 17, b_scale = 18, a_mode = 31, b_mode = 32, attributes = 64 };

typedef struct { uint64_t values[attributes]; } Desc;
typedef struct { int type; uint64_t rows, columns; int64_t leading; } Layout;

int cublasLtCreate(void **handle) { static int one[64]; *handle = one; return success; }
const char *cublasLtGetStatusString(int status) { return status == not_supported ? "not supported" : "invalid value"; }

int cublasLtMatmulDescCreate(Desc **desc, int compute, int scale) { return (*desc = calloc(1, sizeof **desc)) ? success : invalid_value; }
int cublasLtMatmulDescDestroy(Desc *desc) { free(desc); return success; }
int cublasLtMatmulDescSetAttribute(Desc *desc, int attribute, const void *value, size_t bytes) {
  if (attribute < 0 || attribute >= attributes || bytes > 8) return invalid_value;
  memcpy(&desc->values[attribute], value, bytes);
  return success;
}
int cublasLtMatrixLayoutCreate(Layout **layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  if (!(*layout = malloc(sizeof **layout))) return invalid_value;
  **layout = (Layout){type, rows, columns, leading};
  return success;
}
int cublasLtMatrixLayoutDestroy(Layout *layout) { free(layout); return success; }
int cublasLtMatmulPreferenceCreate(void **preference) { static int one[64]; *preference = one; return success; }
int cublasLtMatmulPreferenceDestroy(void *preference) { return success; }
int cublasLtMatmulPreferenceSetAttribute(void *preference, int attribute, const void *value, size_t bytes) { return success; }

static int fits(const Desc *desc, const Layout *a, const Layout *b, const Layout *d) {
  const int turned_a = desc->values[trans_a] == 1, turned_b = desc->values[trans_b] == 1;
  const uint64_t m = turned_a ? a->columns : a->rows, inner = turned_a ? a->rows : a->columns;
  const uint64_t n = turned_b ? b->rows : b->columns;
  return m == d->rows && n == d->columns && inner == (turned_b ? b->columns : b->rows) && a->leading >= (int64_t)a->rows &&
         b->leading >= (int64_t)b->rows && d->leading >= (int64_t)d->rows;
}

/* What a heuristic answers with: algorithm, bytes of the workspace, status, and more that nobody reads. */
typedef struct { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } Result;

int cublasLtMatmulAlgoGetHeuristic(void *handle, Desc *desc, Layout *a, Layout *b, Layout *c, Layout *d, void *preference,
                                   int asked, Result *results, int *found) {
  *found = 0;
  if (!fits(desc, a, b, d)) return invalid_value;
  if (desc->values[a_mode] != desc->values[b_mode]) return not_supported;
  memset(results, 0, sizeof *results);
  results->workspace = workspace_bytes;
  *found = 1;
  return success;
}

static const char *epilogue_name(uint64_t value) {
  if (value == 4) return "_bias";
  return value == 36 ? "_gelu_bias" : "";
}

int cublasLtMatmul(void *handle, Desc *desc, const void *alpha, const void *a, Layout *a_layout, const void *b,
                   Layout *b_layout, const void *beta, const void *c, Layout *c_layout, void *d, Layout *d_layout,
                   const void *algorithm, void *workspace, size_t bytes, void *stream) {
  char name[96];
  if (!fits(desc, a_layout, b_layout, d_layout)) return invalid_value;
  if (!a || !b || !d || !algorithm || !workspace || bytes < workspace_bytes) return invalid_value;
  if ((desc->values[epilogue] & 4) && !desc->values[bias_pointer]) return invalid_value;
  /* e4m3: factors are 1 where none are given, and those of rows are given for both */
  const int scaled = desc->values[a_scale] != 0;
  if (scaled != (desc->values[b_scale] != 0) || (desc->values[a_mode] && !scaled)) return invalid_value;
  const char *operands = a_layout->type != 28 ? "" : scaled ? "_f8" : "_f8_sums";
  snprintf(name, sizeof name, "cublasLtMatmul%s%s", operands, epilogue_name(desc->values[epilogue]));
  if (stand_in_log) stand_in_log("launch", name, 0);
  return success;
}
