#include "session.h"

#include <dlfcn.h>

namespace framewright {
namespace {

/** All options in one call: each call puts those it does not name back to their defaults. */
template <class Options>
void update(OrtStatus* (*function)(Options*, const char* const*, const char* const*, size_t), Options* options,
            const Entries& entries) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : entries) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  check(function(options, keys.data(), values.data(), keys.size()));
}

void appendCuda(OrtSessionOptions* options, const Entries& entries) {
  const auto cuda = make<CudaOptionsHandle>(ort().CreateCUDAProviderOptions);
  update(ort().UpdateCUDAProviderOptions, cuda.get(), entries);
  check(ort().SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda.get()));
}

TensorRtOptionsHandle tensorRtHandle(const Entries& entries) {
  auto options = make<TensorRtOptionsHandle>(ort().CreateTensorRTProviderOptions);
  update(ort().UpdateTensorRTProviderOptions, options.get(), entries);
  return options;
}

void appendTensorRt(OrtSessionOptions* options, const TensorRtSpec& spec, const void* model, size_t bytes) {
  for (const auto& library : spec.libraries) {
    if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) throw Failure(ortFailure, dlerror());
  }
  const auto tensorRt = tensorRtHandle(spec.options);
  if (spec.refits) {
    const auto set = ort().UpdateTensorRTProviderOptionsWithValue;
    check(set(tensorRt.get(), "trt_onnx_bytestream", const_cast<void*>(model)));
    check(set(tensorRt.get(), "trt_onnx_bytestream_size", &bytes));
  }
  check(ort().SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorRt.get()));
}

}  // namespace

std::string tensorRtOptions(const Entries& entries) {
  const auto options = tensorRtHandle(entries);
  OrtAllocator* allocator = nullptr;
  check(ort().GetAllocatorWithDefaultOptions(&allocator));
  char* text = nullptr;
  check(ort().GetTensorRTProviderOptionsAsString(options.get(), allocator, &text));
  std::string copied = text;
  check(ort().AllocatorFree(allocator, text));
  return copied;
}

void configure(OrtSessionOptions* options, const SessionSpec& spec, const void* model, size_t bytes) {
  check(ort().SetSessionGraphOptimizationLevel(options, spec.optimizationLevel));
  check(ort().SetSessionExecutionMode(options, spec.executionMode));
  check(ort().DisableMemPattern(options));
  check(ort().SetIntraOpNumThreads(options, spec.intraOpThreads));
  check(ort().SetInterOpNumThreads(options, spec.interOpThreads));
  check(ort().SetSessionLogSeverityLevel(options, spec.logSeverity));
  if (spec.profile) check(ort().EnableProfiling(options, spec.profile->c_str()));
  for (const auto& [key, value] : spec.entries) {
    check(ort().AddSessionConfigEntry(options, key.c_str(), value.c_str()));
  }
  for (const auto& library : spec.libraries) {
    check(ort().RegisterCustomOpsLibrary_V2(options, library.c_str()));
  }
  for (const auto& [name, tensor] : spec.initializers) {
    check(ort().AddInitializer(options, name.c_str(), tensor.get()));
  }
  if (spec.tensorRt) appendTensorRt(options, *spec.tensorRt, model, bytes);
  if (spec.cuda) appendCuda(options, *spec.cuda);
}

}  // namespace framewright
