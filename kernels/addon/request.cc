/** Reads what JavaScript asks for. The shapes are those of `native-binding.ts`. */
#include "jobs.h"

namespace framewright {
namespace {

int readInt(napi_env env, napi_value object, const char* name) {
  return static_cast<int>(readInteger(env, readProperty(env, object, name)));
}

std::vector<std::string> readTexts(napi_env env, napi_value array) {
  std::vector<std::string> texts;
  for (napi_value text : readArray(env, array)) texts.push_back(readText(env, text));
  return texts;
}

}  // namespace

SessionSpec readSessionSpec(napi_env env, napi_value config) {
  SessionSpec spec;
  spec.optimizationLevel = readInt(env, config, "optimizationLevel");
  spec.executionMode = readInt(env, config, "executionMode");
  spec.intraOpThreads = readInt(env, config, "intraOpThreads");
  spec.interOpThreads = readInt(env, config, "interOpThreads");
  spec.logSeverity = readInt(env, config, "logSeverity");
  spec.entries = readTextEntries(env, readProperty(env, config, "entries"));
  napi_value cuda = readProperty(env, config, "cuda");
  if (!isMissing(env, cuda)) {
    spec.cudaDevice = readInt(env, cuda, "device");
    spec.cuda = readTextEntries(env, readProperty(env, cuda, "options"));
  }
  napi_value tensorRt = readProperty(env, config, "tensorRt");
  if (!isMissing(env, tensorRt)) {
    spec.tensorRt.emplace();
    spec.tensorRt->libraries = readTexts(env, readProperty(env, tensorRt, "libraries"));
    spec.tensorRt->options = readTextEntries(env, readProperty(env, tensorRt, "options"));
    spec.tensorRt->refits = readFlag(env, readProperty(env, tensorRt, "refits"));
  }
  spec.libraries = readTexts(env, readProperty(env, config, "libraries"));
  for (const auto& [name, tensor] : readEntries(env, readProperty(env, config, "initializers"))) {
    spec.initializers.emplace_back(name, borrowed(readShared<Resident>(env, tensor)));
  }
  napi_value profile = readProperty(env, config, "profile");
  if (!isMissing(env, profile)) spec.profile = readText(env, profile);
  return spec;
}

std::vector<Feed> readFeeds(napi_env env, napi_value feeds) {
  std::vector<Feed> read;
  for (const auto& [name, value] : readEntries(env, feeds)) {
    Feed feed;
    feed.name = name;
    napi_value handle = readProperty(env, value, "handle");
    if (!isMissing(env, handle)) {
      feed.resident = readShared<Resident>(env, handle);
    } else {
      const Bytes bytes = readBytes(env, readProperty(env, value, "data"));
      feed.data = bytes.data;
      feed.bytes = bytes.size;
      feed.shape = readShape(env, readProperty(env, value, "shape"));
      feed.type = readInt(env, value, "type");
    }
    read.push_back(std::move(feed));
  }
  return read;
}

std::vector<Fetch> readFetches(napi_env env, napi_value fetches) {
  std::vector<Fetch> read;
  for (napi_value value : readArray(env, fetches)) {
    read.push_back({readText(env, readProperty(env, value, "name")), readFlag(env, readProperty(env, value, "keep"))});
  }
  return read;
}

}  // namespace framewright
