#include "cublaslt.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "device-code.h"

namespace framewright::cublaslt {
namespace {

template <class Function>
void findIn(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function != nullptr) return;
  throw std::runtime_error(std::string("cuBLASLt: expected ") + name + ", got an older one");
}

void* loadedLibrary() {
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return library;
  }
  throw std::runtime_error("cuBLASLt: expected libcublasLt.so.13 or .12 in the process, got neither");
}

}  // namespace

const Functions& functions() {
  static const Functions found = [] {
    void* library = loadedLibrary();
    Functions all;
#define FRAMEWRIGHT_FIND(name) findIn(library, #name, all.name)
    FRAMEWRIGHT_FIND(cublasLtCreate);
    FRAMEWRIGHT_FIND(cublasLtGetStatusString);
    FRAMEWRIGHT_FIND(cublasLtMatmulDescCreate);
    FRAMEWRIGHT_FIND(cublasLtMatmulDescDestroy);
    FRAMEWRIGHT_FIND(cublasLtMatmulDescSetAttribute);
    FRAMEWRIGHT_FIND(cublasLtMatrixLayoutCreate);
    FRAMEWRIGHT_FIND(cublasLtMatrixLayoutDestroy);
    FRAMEWRIGHT_FIND(cublasLtMatmulPreferenceCreate);
    FRAMEWRIGHT_FIND(cublasLtMatmulPreferenceDestroy);
    FRAMEWRIGHT_FIND(cublasLtMatmulPreferenceSetAttribute);
    FRAMEWRIGHT_FIND(cublasLtMatmulAlgoGetHeuristic);
    FRAMEWRIGHT_FIND(cublasLtMatmul);
#undef FRAMEWRIGHT_FIND
    return all;
  }();
  return found;
}

Handle handle() {
  static std::mutex mutex;
  static std::map<void*, Handle> handles;
  void* const context = currentContext();
  const std::lock_guard lock(mutex);
  Handle& made = handles[context];
  if (made == nullptr) expect(functions().cublasLtCreate(&made), "cublasLtCreate");
  return made;
}

void expect(Status status, const char* what) {
  if (status == 0) return;
  throw std::runtime_error(std::string(what) + ": " + functions().cublasLtGetStatusString(status));
}

}  // namespace framewright::cublaslt
