#include "session.h"

namespace framewright {
namespace {

/** All options in one call: each call puts those it does not name back to their defaults. */
void appendCuda(OrtSessionOptions* options, const Entries& entries) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : entries) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  const auto cuda = make<CudaOptionsHandle>(ort().CreateCUDAProviderOptions);
  check(ort().UpdateCUDAProviderOptions(cuda.get(), keys.data(), values.data(), keys.size()));
  check(ort().SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda.get()));
}

}  // namespace

void configure(OrtSessionOptions* options, const SessionSpec& spec) {
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
  if (spec.cuda) appendCuda(options, *spec.cuda);
}

}  // namespace framewright
