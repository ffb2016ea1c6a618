/**
 * The part of ONNX Runtime's C API that the addon calls.
 *
 * The API is a table of function pointers that only ever grows at its end, so a function is known by its place in
 * the table and its signature. Both are written down here, one line a function, and `check-ort-api.cc` holds every
 * line to ONNX Runtime's own header where that is at hand. C enums are passed as `int`.
 */
#pragma once

#include <cstddef>
#include <cstdint>

struct OrtAllocator;
struct OrtCUDAProviderOptionsV2;
struct OrtEnv;
struct OrtIoBinding;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;
struct OrtTensorRTProviderOptionsV2;
struct OrtTensorTypeAndShapeInfo;
struct OrtTypeInfo;
struct OrtValue;

namespace framewright {

/** The version whose table has all functions below: 1.22. */
constexpr uint32_t ortApiVersion = 22;

/** What the symbol `OrtGetApiBase` gives. */
struct OrtEntry {
  const void* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

/** ONNXTensorElementDataType: the numbers are those of ONNX's TensorProto. */
using ElementType = int;

constexpr int logWarning = 2;       // OrtLoggingLevel
constexpr int deviceAllocator = 0;  // OrtAllocatorType
constexpr int defaultMemory = 0;    // OrtMemType

// X(place in the table, result, name, parameters…)
#define FRAMEWRIGHT_ORT_FUNCTIONS(X)                                                                          \
  X(1, int, GetErrorCode, const OrtStatus*)                                                                   \
  X(2, const char*, GetErrorMessage, const OrtStatus*)                                                        \
  X(3, OrtStatus*, CreateEnv, int severity, const char* name, OrtEnv**)                                       \
  X(8, OrtStatus*, CreateSessionFromArray, const OrtEnv*, const void* model, size_t bytes,                    \
    const OrtSessionOptions*, OrtSession**)                                                                   \
  X(10, OrtStatus*, CreateSessionOptions, OrtSessionOptions**)                                                \
  X(13, OrtStatus*, SetSessionExecutionMode, OrtSessionOptions*, int mode)                                    \
  X(14, OrtStatus*, EnableProfiling, OrtSessionOptions*, const char* filePrefix)                              \
  X(17, OrtStatus*, DisableMemPattern, OrtSessionOptions*)                                                    \
  X(22, OrtStatus*, SetSessionLogSeverityLevel, OrtSessionOptions*, int severity)                             \
  X(23, OrtStatus*, SetSessionGraphOptimizationLevel, OrtSessionOptions*, int level)                          \
  X(24, OrtStatus*, SetIntraOpNumThreads, OrtSessionOptions*, int threads)                                    \
  X(25, OrtStatus*, SetInterOpNumThreads, OrtSessionOptions*, int threads)                                    \
  X(30, OrtStatus*, SessionGetInputCount, const OrtSession*, size_t*)                                         \
  X(31, OrtStatus*, SessionGetOutputCount, const OrtSession*, size_t*)                                        \
  X(36, OrtStatus*, SessionGetInputName, const OrtSession*, size_t index, OrtAllocator*, char**)              \
  X(37, OrtStatus*, SessionGetOutputName, const OrtSession*, size_t index, OrtAllocator*, char**)             \
  X(39, OrtStatus*, CreateRunOptions, OrtRunOptions**)                                                        \
  X(46, OrtStatus*, RunOptionsSetTerminate, OrtRunOptions*)                                                   \
  X(49, OrtStatus*, CreateTensorWithDataAsOrtValue, const OrtMemoryInfo*, void* data, size_t bytes,           \
    const int64_t* shape, size_t rank, ElementType, OrtValue**)                                               \
  X(51, OrtStatus*, GetTensorMutableData, OrtValue*, void**)                                                  \
  X(60, OrtStatus*, GetTensorElementType, const OrtTensorTypeAndShapeInfo*, ElementType*)                     \
  X(61, OrtStatus*, GetDimensionsCount, const OrtTensorTypeAndShapeInfo*, size_t*)                            \
  X(62, OrtStatus*, GetDimensions, const OrtTensorTypeAndShapeInfo*, int64_t*, size_t count)                  \
  X(65, OrtStatus*, GetTensorTypeAndShape, const OrtValue*, OrtTensorTypeAndShapeInfo**)                      \
  X(68, OrtStatus*, CreateMemoryInfo, const char* name, int allocatorType, int device, int memoryType,        \
    OrtMemoryInfo**)                                                                                          \
  X(69, OrtStatus*, CreateCpuMemoryInfo, int allocatorType, int memoryType, OrtMemoryInfo**)                  \
  X(76, OrtStatus*, AllocatorFree, OrtAllocator*, void*)                                                      \
  X(78, OrtStatus*, GetAllocatorWithDefaultOptions, OrtAllocator**)                                           \
  X(92, void, ReleaseEnv, OrtEnv*)                                                                            \
  X(93, void, ReleaseStatus, OrtStatus*)                                                                      \
  X(94, void, ReleaseMemoryInfo, OrtMemoryInfo*)                                                              \
  X(95, void, ReleaseSession, OrtSession*)                                                                    \
  X(96, void, ReleaseValue, OrtValue*)                                                                        \
  X(97, void, ReleaseRunOptions, OrtRunOptions*)                                                              \
  X(99, void, ReleaseTensorTypeAndShapeInfo, OrtTensorTypeAndShapeInfo*)                                      \
  X(100, void, ReleaseSessionOptions, OrtSessionOptions*)                                                     \
  X(130, OrtStatus*, AddSessionConfigEntry, OrtSessionOptions*, const char* key, const char* value)           \
  X(133, OrtStatus*, RunWithBinding, OrtSession*, const OrtRunOptions*, const OrtIoBinding*)                  \
  X(134, OrtStatus*, CreateIoBinding, OrtSession*, OrtIoBinding**)                                            \
  X(135, void, ReleaseIoBinding, OrtIoBinding*)                                                               \
  X(136, OrtStatus*, BindInput, OrtIoBinding*, const char* name, const OrtValue*)                             \
  X(138, OrtStatus*, BindOutputToDevice, OrtIoBinding*, const char* name, const OrtMemoryInfo*)               \
  X(140, OrtStatus*, GetBoundOutputValues, const OrtIoBinding*, OrtAllocator*, OrtValue***, size_t* count)    \
  X(150, OrtStatus*, AddInitializer, OrtSessionOptions*, const char* name, const OrtValue*)                   \
  X(165, OrtStatus*, AddRunConfigEntry, OrtRunOptions*, const char* key, const char* value)                   \
  X(170, OrtStatus*, SessionOptionsAppendExecutionProvider_TensorRT_V2, OrtSessionOptions*,                   \
    const OrtTensorRTProviderOptionsV2*)                                                                      \
  X(171, OrtStatus*, CreateTensorRTProviderOptions, OrtTensorRTProviderOptionsV2**)                           \
  X(172, OrtStatus*, UpdateTensorRTProviderOptions, OrtTensorRTProviderOptionsV2*, const char* const* keys,   \
    const char* const* values, size_t count)                                                                  \
  X(173, OrtStatus*, GetTensorRTProviderOptionsAsString, const OrtTensorRTProviderOptionsV2*, OrtAllocator*,  \
    char**)                                                                                                   \
  X(174, void, ReleaseTensorRTProviderOptions, OrtTensorRTProviderOptionsV2*)                                 \
  X(194, OrtStatus*, GetTensorMemoryInfo, const OrtValue*, const OrtMemoryInfo**)                             \
  X(202, OrtStatus*, SynchronizeBoundInputs, OrtIoBinding*)                                                   \
  X(203, OrtStatus*, SynchronizeBoundOutputs, OrtIoBinding*)                                                  \
  X(204, OrtStatus*, SessionOptionsAppendExecutionProvider_CUDA_V2, OrtSessionOptions*,                       \
    const OrtCUDAProviderOptionsV2*)                                                                          \
  X(205, OrtStatus*, CreateCUDAProviderOptions, OrtCUDAProviderOptionsV2**)                                   \
  X(206, OrtStatus*, UpdateCUDAProviderOptions, OrtCUDAProviderOptionsV2*, const char* const* keys,           \
    const char* const* values, size_t count)                                                                  \
  X(208, void, ReleaseCUDAProviderOptions, OrtCUDAProviderOptionsV2*)                                         \
  X(228, OrtStatus*, RegisterCustomOpsLibrary_V2, OrtSessionOptions*, const char* path)                       \
  X(261, OrtStatus*, UpdateTensorRTProviderOptionsWithValue, OrtTensorRTProviderOptionsV2*, const char* key,   \
    void* value)                                                                                              \
  X(293, OrtStatus*, SessionOptionsSetLoadCancellationFlag, OrtSessionOptions*, bool cancel)

/** The functions by name. */
struct OrtFunctions {
#define FRAMEWRIGHT_MEMBER(place, result, name, ...) result (*name)(__VA_ARGS__) = nullptr;
  FRAMEWRIGHT_ORT_FUNCTIONS(FRAMEWRIGHT_MEMBER)
#undef FRAMEWRIGHT_MEMBER
};

}  // namespace framewright
