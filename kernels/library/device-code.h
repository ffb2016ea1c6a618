/** Kernels on the GPU, through the driver's own library: it is opened when the first is needed, and not before. */
#pragma once

namespace framewright {

/** A kernel that can be launched. */
struct DeviceFunction {
  void* handle;
};

struct Launch {
  unsigned blocks;
  unsigned threads;
  void* stream;
};

/** The machine code of one `kernel.cu`, for every architecture that it was compiled for. */
class DeviceCode {
 public:
  /** @param image a fat binary of nvcc, which has to stay where it is */
  explicit DeviceCode(const unsigned char* image);
  /** A kernel by its name; throws std::runtime_error where the driver or the GPU cannot take the code. */
  DeviceFunction find(const char* name) const;

 private:
  void* library_ = nullptr;
};

/** The code of an image, which is loaded when it is first asked for. */
template <const unsigned char* image>
const DeviceCode& codeOf() {
  static const DeviceCode loaded(image);
  return loaded;
}

/** The context that is current on the thread, which the provider has made so. */
void* currentContext();

/** Puts a kernel on a stream. `arguments` point at its parameters, in order. */
void launch(DeviceFunction function, const Launch& how, void** arguments);

}  // namespace framewright
