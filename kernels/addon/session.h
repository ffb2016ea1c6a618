/** One graph that ONNX Runtime has loaded, and how it is opened and run. */
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "resident.h"

namespace framewright {

using Entries = std::vector<std::pair<std::string, std::string>>;
using Initializers = std::vector<std::pair<std::string, std::shared_ptr<OrtValue>>>;

/** The TensorRT provider, before that of CUDA. */
struct TensorRtSpec {
  /** Libraries that the provider is linked to, loaded before it: the system's loader need not know their folder. */
  std::vector<std::string> libraries;
  Entries options;
  /** Whether engines are filled with weights from the model's bytes when they are loaded. */
  bool refits = false;
};

/** How a session is opened. */
struct SessionSpec {
  int optimizationLevel = 0;
  int executionMode = 0;
  int intraOpThreads = 0;
  int interOpThreads = 0;
  int logSeverity = 0;
  /** Config entries by their whole key. */
  Entries entries;
  /** Options of the CUDA provider; nothing for the CPU. */
  std::optional<Entries> cuda;
  int cudaDevice = 0;
  std::optional<TensorRtSpec> tensorRt;
  /** Libraries of custom operators. */
  std::vector<std::string> libraries;
  /** Borrowed tensors that stand in for the graph's own initializers. */
  Initializers initializers;
  /** Where ONNX Runtime writes its profile when the session ends; nothing for no profile. */
  std::optional<std::string> profile;
};

/**
 * Applies a spec to options that were made before, so that loading can be cancelled meanwhile. The model's bytes are read
 * until the session is open.
 */
void configure(OrtSessionOptions* options, const SessionSpec& spec, const void* model, size_t bytes);

/** Options of the TensorRT provider as it has them once they are set: `key=value;…`. */
std::string tensorRtOptions(const Entries& entries);

/** A run's settings, and the switch that ends it early. The switch may be used from any thread. */
class RunControl {
 public:
  explicit RunControl(const Entries& config);
  void terminate();
  bool stopped() const { return stopped_; }
  const OrtRunOptions* get() const { return options_.get(); }

 private:
  RunOptionsHandle options_;
  std::atomic<bool> stopped_{false};
};

/** An input: a view of host memory, or a tensor that is kept. */
struct Feed {
  std::string name;
  std::shared_ptr<Resident> resident;
  void* data = nullptr;
  size_t bytes = 0;
  std::vector<int64_t> shape;
  ElementType type = 0;
};

struct Fetch {
  std::string name;
  /** Whether the result stays on the session's device. */
  bool keep = false;
};

class Session : Counted<Session> {
 public:
  Session(std::shared_ptr<OrtEnv> env, const void* model, size_t bytes, const OrtSessionOptions* options,
          const SessionSpec& spec);

  std::vector<std::string> inputs() const;
  std::vector<std::string> outputs() const;
  /** Computes the fetches, in their order. Not for two threads at once. */
  std::vector<std::shared_ptr<Resident>> run(const std::vector<Feed>& feeds, const std::vector<Fetch>& fetches,
                                             const RunControl& control) const;

  using Counted<Session>::alive;

 private:
  std::shared_ptr<OrtEnv> env_;
  // ONNX Runtime reads them where they are, for as long as the session lives.
  Initializers initializers_;
  MemoryInfoHandle hostMemory_;
  MemoryInfoHandle deviceMemory_;
  SessionHandle session_;
};

}  // namespace framewright
