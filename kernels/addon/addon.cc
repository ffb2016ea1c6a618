/** The functions that JavaScript sees; `native-binding.ts` in src/runtime gives their types. */
#include <array>
#include <stdexcept>
#include <utility>

#include "jobs.h"

namespace framewright {
namespace {

using Arguments = std::array<napi_value, 4>;

/** `load(library)`: loads ONNX Runtime and gives its version. */
napi_value load(napi_env env, const Arguments& arguments) {
  return writeText(env, loadOrt(readText(env, arguments[0])));
}

/** `createLane()`: starts a run thread. */
napi_value createLane(napi_env env, const Arguments&) { return writeShared(env, std::make_shared<Lane>(env)); }

/** Queues a job of the lane that is the first argument; all that was passed stays in memory until the answer. */
napi_value submit(napi_env env, const Arguments& arguments, std::unique_ptr<Job> job) {
  napi_value pinned;
  expect(env, napi_create_array_with_length(env, arguments.size(), &pinned));
  for (uint32_t index = 0; index < arguments.size(); ++index) {
    expect(env, napi_set_element(env, pinned, index, arguments[index]));
  }
  return readShared<Lane>(env, arguments[0])->submit(std::move(job), pinned);
}

/** `open(lane, model, config)`: promises `{ handle, inputs, outputs }`. */
napi_value open(napi_env env, const Arguments& arguments) {
  const auto& lane = readShared<Lane>(env, arguments[0]);
  auto job = openJob(lane->ortEnv(), readBytes(env, arguments[1]), readSessionSpec(env, arguments[2]));
  return submit(env, arguments, std::move(job));
}

/** `createRun(config)`: the settings of one run, and its switch. */
napi_value createRun(napi_env env, const Arguments& arguments) {
  return writeShared(env, std::make_shared<RunControl>(readTextEntries(env, arguments[0])));
}

/** `terminate(lane, run)`: ends the run early, or takes it out of the queue. */
napi_value terminate(napi_env env, const Arguments& arguments) {
  readShared<RunControl>(env, arguments[1])->terminate();
  readShared<Lane>(env, arguments[0])->withdraw();
  return nullptr;
}

/** `run(lane, session, run, { feeds, fetches })`: promises the fetches' results. */
napi_value run(napi_env env, const Arguments& arguments) {
  auto job = runJob(readShared<Session>(env, arguments[1]), readShared<RunControl>(env, arguments[2]),
                    readFeeds(env, readProperty(env, arguments[3], "feeds")),
                    readFetches(env, readProperty(env, arguments[3], "fetches")));
  return submit(env, arguments, std::move(job));
}

/** `release(lane, session)`: promises that the session's memory is freed. */
napi_value release(napi_env env, const Arguments& arguments) {
  std::vector<std::shared_ptr<void>> objects;
  objects.push_back(std::move(readShared<Session>(env, arguments[1])));
  return submit(env, arguments, releaseJob(std::move(objects)));
}

/** `drop(lane, tensors)`: promises that the tensors are freed. */
napi_value drop(napi_env env, const Arguments& arguments) {
  std::vector<std::shared_ptr<void>> objects;
  for (napi_value tensor : readArray(env, arguments[1])) {
    objects.push_back(std::move(readShared<Resident>(env, tensor)));
  }
  return submit(env, arguments, releaseJob(std::move(objects)));
}

/** `close(lane)`: promises that the run thread has ended, after all that was asked of it before. */
napi_value close(napi_env env, const Arguments& arguments) {
  return submit(env, arguments, closeJob(*readShared<Lane>(env, arguments[0])));
}

/** `tensorRtOptions(options)`: what the TensorRT provider makes of options; throws for one that it does not know. */
napi_value readBackTensorRt(napi_env env, const Arguments& arguments) {
  return writeText(env, tensorRtOptions(readTextEntries(env, arguments[0])));
}

/** `alive()`: how many sessions and tensors of ONNX Runtime the process holds through this addon. */
napi_value alive(napi_env env, const Arguments&) {
  napi_value counts;
  expect(env, napi_create_object(env, &counts));
  writeProperty(env, counts, "sessions", writeNumber(env, Session::alive));
  writeProperty(env, counts, "tensors", writeNumber(env, Resident::alive));
  return counts;
}

template <napi_value (*Function)(napi_env, const Arguments&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    Arguments arguments;
    size_t count = arguments.size();
    expect(env, napi_get_cb_info(env, info, &count, arguments.data(), nullptr, nullptr));
    return Function(env, arguments);
  } catch (const Failure& failure) {
    napi_throw_error(env, failure.code, failure.what());
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

template <napi_value (*Function)(napi_env, const Arguments&)>
void define(napi_env env, napi_value exports, const char* name) {
  napi_value function;
  expect(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<Function>, nullptr, &function));
  writeProperty(env, exports, name, function);
}

}  // namespace

NAPI_MODULE_INIT() {
  try {
    define<load>(env, exports, "load");
    define<createLane>(env, exports, "createLane");
    define<open>(env, exports, "open");
    define<createRun>(env, exports, "createRun");
    define<terminate>(env, exports, "terminate");
    define<run>(env, exports, "run");
    define<release>(env, exports, "release");
    define<drop>(env, exports, "drop");
    define<close>(env, exports, "close");
    define<alive>(env, exports, "alive");
    define<readBackTensorRt>(env, exports, "tensorRtOptions");
    return exports;
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

}  // namespace framewright
