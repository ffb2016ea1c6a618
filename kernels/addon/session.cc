#include "session.h"

namespace framewright {
namespace {

OrtAllocator* defaultAllocator() {
  OrtAllocator* allocator = nullptr;
  check(ort().GetAllocatorWithDefaultOptions(&allocator));
  return allocator;
}

/** Frees what ONNX Runtime allocated with its default allocator. */
struct AllocatorDeleter {
  void operator()(void* memory) const {
    const StatusHandle ignored(ort().AllocatorFree(defaultAllocator(), memory));
  }
};

MemoryInfoHandle memoryOf(const SessionSpec& spec) {
  if (!spec.cuda) return make<MemoryInfoHandle>(ort().CreateCpuMemoryInfo, deviceAllocator, defaultMemory);
  return make<MemoryInfoHandle>(ort().CreateMemoryInfo, "Cuda", deviceAllocator, spec.cudaDevice, defaultMemory);
}

template <class Count, class Name>
std::vector<std::string> names(const OrtSession* session, Count countOf, Name nameOf) {
  size_t count = 0;
  check(countOf(session, &count));
  std::vector<std::string> found;
  for (size_t index = 0; index < count; ++index) {
    char* name = nullptr;
    check(nameOf(session, index, defaultAllocator(), &name));
    const std::unique_ptr<char, AllocatorDeleter> owned(name);
    found.emplace_back(name);
  }
  return found;
}

std::vector<ValueHandle> boundOutputs(const OrtIoBinding* binding) {
  OrtValue** values = nullptr;
  size_t count = 0;
  check(ort().GetBoundOutputValues(binding, defaultAllocator(), &values, &count));
  const std::unique_ptr<OrtValue*, AllocatorDeleter> owned(values);
  std::vector<ValueHandle> outputs;
  outputs.reserve(count);
  for (size_t index = 0; index < count; ++index) outputs.emplace_back(values[index]);
  return outputs;
}

}  // namespace

RunControl::RunControl(const Entries& config) : options_(make<RunOptionsHandle>(ort().CreateRunOptions)) {
  for (const auto& [key, value] : config) check(ort().AddRunConfigEntry(options_.get(), key.c_str(), value.c_str()));
}

void RunControl::terminate() {
  stopped_ = true;
  check(ort().RunOptionsSetTerminate(options_.get()));
}

Session::Session(std::shared_ptr<OrtEnv> env, const void* model, size_t bytes, const OrtSessionOptions* options,
                 const SessionSpec& spec)
    : env_(std::move(env)),
      initializers_(spec.initializers),
      hostMemory_(make<MemoryInfoHandle>(ort().CreateCpuMemoryInfo, deviceAllocator, defaultMemory)),
      deviceMemory_(memoryOf(spec)),
      session_(make<SessionHandle>(ort().CreateSessionFromArray, env_.get(), model, bytes, options)) {}

std::vector<std::string> Session::inputs() const {
  return names(session_.get(), ort().SessionGetInputCount, ort().SessionGetInputName);
}

std::vector<std::string> Session::outputs() const {
  return names(session_.get(), ort().SessionGetOutputCount, ort().SessionGetOutputName);
}

std::vector<std::shared_ptr<Resident>> Session::run(const std::vector<Feed>& feeds, const std::vector<Fetch>& fetches,
                                                    const RunControl& control) const {
  if (control.stopped()) throw Failure(terminated, "stopped before it began");
  const auto binding = make<BindingHandle>(ort().CreateIoBinding, session_.get());
  std::vector<ValueHandle> views;
  for (const Feed& feed : feeds) {
    if (!feed.resident) views.push_back(hostTensor(feed.data, feed.bytes, feed.shape, feed.type));
    const OrtValue* value = feed.resident ? feed.resident->get() : views.back().get();
    check(ort().BindInput(binding.get(), feed.name.c_str(), value));
  }
  for (const Fetch& fetch : fetches) {
    const auto& memory = fetch.keep ? deviceMemory_ : hostMemory_;
    check(ort().BindOutputToDevice(binding.get(), fetch.name.c_str(), memory.get()));
  }
  check(ort().SynchronizeBoundInputs(binding.get()));
  try {
    check(ort().RunWithBinding(session_.get(), control.get(), binding.get()));
  } catch (const Failure& failure) {
    if (control.stopped()) throw Failure(terminated, failure.what());
    throw;
  }
  check(ort().SynchronizeBoundOutputs(binding.get()));
  std::vector<std::shared_ptr<Resident>> results;
  for (ValueHandle& output : boundOutputs(binding.get())) {
    results.push_back(std::make_shared<Resident>(env_, std::move(output)));
  }
  return results;
}

}  // namespace framewright
