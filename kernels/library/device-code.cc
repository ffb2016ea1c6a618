#include "device-code.h"

#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace framewright {
namespace {

/** The functions of libcuda that are used (CUDA driver API, since 12.0). */
struct Driver {
  int (*loadLibrary)(void** library, const void* image, int* options, void** values, unsigned count,
                     int* libraryOptions, void** libraryValues, unsigned libraryCount);
  int (*getKernel)(void** kernel, void* library, const char* name);
  int (*launchKernel)(void* kernel, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                      unsigned blockZ, unsigned sharedBytes, void* stream, void** arguments, void** extra);
  int (*currentContext)(void** context);
  int (*getErrorString)(int error, const char** text);
};

template <class Function>
void findIn(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function != nullptr) return;
  throw std::runtime_error(std::string("NVIDIA's driver: expected ") + name + ", got an older one");
}

const Driver& driver() {
  static const Driver found = [] {
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    Driver driver;
    findIn(library, "cuLibraryLoadData", driver.loadLibrary);
    findIn(library, "cuLibraryGetKernel", driver.getKernel);
    findIn(library, "cuLaunchKernel", driver.launchKernel);
    findIn(library, "cuCtxGetCurrent", driver.currentContext);
    findIn(library, "cuGetErrorString", driver.getErrorString);
    return driver;
  }();
  return found;
}

void expect(int error, const char* what) {
  if (error == 0) return;
  const char* text = nullptr;
  driver().getErrorString(error, &text);
  throw std::runtime_error(std::string(what) + ": " + (text ? text : "error " + std::to_string(error)));
}

}  // namespace

DeviceCode::DeviceCode(const unsigned char* image) {
  expect(driver().loadLibrary(&library_, image, nullptr, nullptr, 0, nullptr, nullptr, 0), "loading kernels");
}

DeviceFunction DeviceCode::find(const char* name) const {
  void* kernel = nullptr;
  expect(driver().getKernel(&kernel, library_, name), name);
  return {kernel};
}

void* currentContext() {
  void* context = nullptr;
  expect(driver().currentContext(&context), "finding the current context");
  return context;
}

void launch(DeviceFunction function, const Launch& how, void** arguments) {
  // A kernel of a library runs in the context that the thread has, which the provider has made current.
  expect(driver().launchKernel(function.handle, how.blocks, 1, 1, how.threads, 1, 1, 0, how.stream, arguments, nullptr),
         "launching a kernel");
}

}  // namespace framewright
