/** What ONNX Runtime gives out, owned: each handle releases its object, each failed status becomes an exception. */
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "ort-api.h"

namespace framewright {

/** The functions of the library that is loaded; empty before `loadOrt`. */
const OrtFunctions& ort();

/** Loads the library at a path once per process. Gives its version. Throws when it cannot be used. */
std::string loadOrt(const std::string& path);

/** A failure with a code that JavaScript sees as the error's `code`. */
class Failure : public std::runtime_error {
 public:
  Failure(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
  const char* const code;
};

/** A call of ONNX Runtime failed: its own message. */
constexpr const char* ortFailure = "ort";
/** The run was told to stop. */
constexpr const char* terminated = "terminated";

/** Throws the message of a status that says no. */
void check(OrtStatus* status);

template <auto Release>
struct Releaser {
  template <class T>
  void operator()(T* object) const {
    (ort().*Release)(object);
  }
};

template <class T, auto Release>
using Handle = std::unique_ptr<T, Releaser<Release>>;

using BindingHandle = Handle<OrtIoBinding, &OrtFunctions::ReleaseIoBinding>;
using CudaOptionsHandle = Handle<OrtCUDAProviderOptionsV2, &OrtFunctions::ReleaseCUDAProviderOptions>;
using EnvHandle = Handle<OrtEnv, &OrtFunctions::ReleaseEnv>;
using MemoryInfoHandle = Handle<OrtMemoryInfo, &OrtFunctions::ReleaseMemoryInfo>;
using RunOptionsHandle = Handle<OrtRunOptions, &OrtFunctions::ReleaseRunOptions>;
using SessionHandle = Handle<OrtSession, &OrtFunctions::ReleaseSession>;
using SessionOptionsHandle = Handle<OrtSessionOptions, &OrtFunctions::ReleaseSessionOptions>;
using StatusHandle = Handle<OrtStatus, &OrtFunctions::ReleaseStatus>;
using TensorRtOptionsHandle =
    Handle<OrtTensorRTProviderOptionsV2, &OrtFunctions::ReleaseTensorRTProviderOptions>;
using TypeAndShapeHandle = Handle<OrtTensorTypeAndShapeInfo, &OrtFunctions::ReleaseTensorTypeAndShapeInfo>;
using ValueHandle = Handle<OrtValue, &OrtFunctions::ReleaseValue>;

/** Calls a function whose last parameter receives a new object, and owns that object. */
template <class H, class Function, class... Arguments>
H make(Function function, Arguments... arguments) {
  typename H::pointer object = nullptr;
  check(function(arguments..., &object));
  return H(object);
}

/** The process's environment of ONNX Runtime, which onnxruntime-node shares when it is loaded too. */
std::shared_ptr<OrtEnv> openEnv();

}  // namespace framewright
