/**
 * The part of ONNX Runtime's C API that custom operators are made of, beside `../addon/ort-api.h` and by the same
 * rules: place in the table, name, signature. `../addon/check-ort-api.cc` holds both to ONNX Runtime's own header.
 */
#pragma once

#include "../addon/ort-api.h"

struct OrtCustomOp;
struct OrtCustomOpDomain;
struct OrtKernelContext;
struct OrtKernelInfo;
struct OrtShapeInferContext;

namespace framewright {

constexpr int failed = 1;  // OrtErrorCode

// X(place in the table, result, name, parameters…)
#define FRAMEWRIGHT_ORT_OPERATOR_FUNCTIONS(X)                                                                 \
  X(0, OrtStatus*, CreateStatus, int code, const char* message)                                               \
  X(2, const char*, GetErrorMessage, const OrtStatus*)                                                        \
  X(26, OrtStatus*, CreateCustomOpDomain, const char* name, OrtCustomOpDomain**)                              \
  X(27, OrtStatus*, CustomOpDomain_Add, OrtCustomOpDomain*, const OrtCustomOp*)                              \
  X(28, OrtStatus*, AddCustomOpDomain, OrtSessionOptions*, OrtCustomOpDomain*)                                \
  X(51, OrtStatus*, GetTensorMutableData, OrtValue*, void**)                                                  \
  X(58, OrtStatus*, SetTensorElementType, OrtTensorTypeAndShapeInfo*, ElementType)                            \
  X(59, OrtStatus*, SetDimensions, OrtTensorTypeAndShapeInfo*, const int64_t*, size_t count)                  \
  X(60, OrtStatus*, GetTensorElementType, const OrtTensorTypeAndShapeInfo*, ElementType*)                     \
  X(61, OrtStatus*, GetDimensionsCount, const OrtTensorTypeAndShapeInfo*, size_t*)                            \
  X(62, OrtStatus*, GetDimensions, const OrtTensorTypeAndShapeInfo*, int64_t*, size_t count)                  \
  X(63, OrtStatus*, GetSymbolicDimensions, const OrtTensorTypeAndShapeInfo*, const char** names, size_t count) \
  X(65, OrtStatus*, GetTensorTypeAndShape, const OrtValue*, OrtTensorTypeAndShapeInfo**)                      \
  X(76, OrtStatus*, AllocatorFree, OrtAllocator*, void*)                                                      \
  X(85, OrtStatus*, KernelInfoGetAttribute_float, const OrtKernelInfo*, const char* name, float*)             \
  X(90, OrtStatus*, KernelContext_GetInput, const OrtKernelContext*, size_t index, const OrtValue**)          \
  X(91, OrtStatus*, KernelContext_GetOutput, OrtKernelContext*, size_t index, const int64_t* shape,           \
    size_t rank, OrtValue**)                                                                                  \
  X(93, void, ReleaseStatus, OrtStatus*)                                                                      \
  X(99, void, ReleaseTensorTypeAndShapeInfo, OrtTensorTypeAndShapeInfo*)                                      \
  X(132, void, ReleaseAllocator, OrtAllocator*)                                                               \
  X(193, OrtStatus*, KernelContext_GetGPUComputeStream, const OrtKernelContext*, void** stream)               \
  X(194, OrtStatus*, GetTensorMemoryInfo, const OrtValue*, const OrtMemoryInfo**)                             \
  X(253, OrtStatus*, KernelContext_GetAllocator, const OrtKernelContext*, const OrtMemoryInfo*, OrtAllocator**) \
  X(268, OrtStatus*, ShapeInferContext_GetInputTypeShape, const OrtShapeInferContext*, size_t index,          \
    OrtTensorTypeAndShapeInfo**)                                                                              \
  X(270, OrtStatus*, ShapeInferContext_SetOutputTypeShape, const OrtShapeInferContext*, size_t index,         \
    const OrtTensorTypeAndShapeInfo*)                                                                         \
  X(271, OrtStatus*, SetSymbolicDimensions, OrtTensorTypeAndShapeInfo*, const char** names, size_t count)     \
  X(274, OrtStatus*, KernelContext_ParallelFor, const OrtKernelContext*, void (*one)(void* data, size_t index), \
    size_t total, size_t batches, void* data)                                                                 \
  X(277, OrtStatus*, KernelContext_GetScratchBuffer, const OrtKernelContext*, const OrtMemoryInfo*,            \
    size_t bytes, void**)

struct OrtOperatorFunctions {
#define FRAMEWRIGHT_MEMBER(place, result, name, ...) result (*name)(__VA_ARGS__) = nullptr;
  FRAMEWRIGHT_ORT_OPERATOR_FUNCTIONS(FRAMEWRIGHT_MEMBER)
#undef FRAMEWRIGHT_MEMBER
};

/** OrtCustomOp of version 22: what ONNX Runtime asks of one operator for one provider and dtype. */
struct OperatorTable {
  uint32_t version = ortApiVersion;
  void* (*CreateKernel)(const OperatorTable*, const void* api, const OrtKernelInfo*) = nullptr;
  const char* (*GetName)(const OperatorTable*) = nullptr;
  const char* (*GetExecutionProviderType)(const OperatorTable*) = nullptr;
  ElementType (*GetInputType)(const OperatorTable*, size_t index) = nullptr;
  size_t (*GetInputTypeCount)(const OperatorTable*) = nullptr;
  ElementType (*GetOutputType)(const OperatorTable*, size_t index) = nullptr;
  size_t (*GetOutputTypeCount)(const OperatorTable*) = nullptr;
  void (*KernelCompute)(void* kernel, OrtKernelContext*) = nullptr;
  void (*KernelDestroy)(void* kernel) = nullptr;
  int (*GetInputCharacteristic)(const OperatorTable*, size_t index) = nullptr;
  int (*GetOutputCharacteristic)(const OperatorTable*, size_t index) = nullptr;
  int (*GetInputMemoryType)(const OperatorTable*, size_t index) = nullptr;
  int (*GetVariadicInputMinArity)(const OperatorTable*) = nullptr;
  int (*GetVariadicInputHomogeneity)(const OperatorTable*) = nullptr;
  int (*GetVariadicOutputMinArity)(const OperatorTable*) = nullptr;
  int (*GetVariadicOutputHomogeneity)(const OperatorTable*) = nullptr;
  OrtStatus* (*CreateKernelV2)(const OperatorTable*, const void* api, const OrtKernelInfo*, void** kernel) = nullptr;
  OrtStatus* (*KernelComputeV2)(void* kernel, OrtKernelContext*) = nullptr;
  OrtStatus* (*InferOutputShapeFn)(const OperatorTable*, OrtShapeInferContext*) = nullptr;
  int (*GetStartVersion)(const OperatorTable*) = nullptr;
  int (*GetEndVersion)(const OperatorTable*) = nullptr;
  size_t (*GetMayInplace)(int** inputs, int** outputs) = nullptr;
  void (*ReleaseMayInplace)(int* inputs, int* outputs) = nullptr;
  size_t (*GetAliasMap)(int** inputs, int** outputs) = nullptr;
  void (*ReleaseAliasMap)(int* inputs, int* outputs) = nullptr;
};

}  // namespace framewright
