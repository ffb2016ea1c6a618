#include "ort-handle.h"

#include <dlfcn.h>

#include <mutex>

namespace framewright {
namespace {

OrtFunctions functions;
std::string loadedPath;
std::string loadedVersion;
std::mutex loading;

const OrtEntry* entryOf(const std::string& path) {
  // The library stays loaded: objects that JavaScript's collector frees late still need it.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto getEntry = reinterpret_cast<const OrtEntry* (*)()>(dlsym(library, "OrtGetApiBase"));
  if (getEntry == nullptr) throw std::runtime_error(path + ": no symbol OrtGetApiBase");
  return getEntry();
}

OrtFunctions functionsOf(const void* const* table) {
  OrtFunctions found;
#define FRAMEWRIGHT_FIND(place, result, name, ...) \
  found.name = reinterpret_cast<result (*)(__VA_ARGS__)>(const_cast<void*>(table[place]));
  FRAMEWRIGHT_ORT_FUNCTIONS(FRAMEWRIGHT_FIND)
#undef FRAMEWRIGHT_FIND
  return found;
}

}  // namespace

const OrtFunctions& ort() { return functions; }

std::string loadOrt(const std::string& path) {
  const std::lock_guard<std::mutex> lock(loading);
  if (loadedPath == path) return loadedVersion;
  if (!loadedPath.empty()) throw std::runtime_error("this process has " + loadedPath + " loaded, not " + path);
  const OrtEntry* entry = entryOf(path);
  const auto* table = static_cast<const void* const*>(entry->GetApi(ortApiVersion));
  const std::string version = entry->GetVersionString();
  if (table == nullptr) throw std::runtime_error("ONNX Runtime 1.22 or later is needed, found " + version);
  functions = functionsOf(table);
  loadedPath = path;
  loadedVersion = version;
  return version;
}

void check(OrtStatus* status) {
  if (status == nullptr) return;
  const StatusHandle owned(status);
  throw Failure(ortFailure, ort().GetErrorMessage(status));
}

std::shared_ptr<OrtEnv> openEnv() {
  return make<EnvHandle>(ort().CreateEnv, logWarning, "framewright");
}

}  // namespace framewright
