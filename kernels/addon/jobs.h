/** What a lane can be asked to do. */
#pragma once

#include <memory>
#include <vector>

#include "js-value.h"
#include "lane.h"
#include "session.h"

namespace framewright {

template <>
struct Kind<Lane> {
  static constexpr napi_type_tag tag = {0x6672616d65777269, 1};
  static constexpr const char* name = "lane";
};

template <>
struct Kind<Session> {
  static constexpr napi_type_tag tag = {0x6672616d65777269, 2};
  static constexpr const char* name = "session";
};

template <>
struct Kind<Resident> {
  static constexpr napi_type_tag tag = {0x6672616d65777269, 3};
  static constexpr const char* name = "resident tensor";
};

template <>
struct Kind<RunControl> {
  static constexpr napi_type_tag tag = {0x6672616d65777269, 4};
  static constexpr const char* name = "run control";
};

/** Loads a graph: `{ handle, inputs, outputs }`. */
std::unique_ptr<Job> openJob(std::shared_ptr<OrtEnv> env, Bytes model, SessionSpec spec);

/** Runs a graph: for each fetch, in order, `{ type, shape, buffer }`, or `{ type, shape, handle }` when it is kept. */
std::unique_ptr<Job> runJob(std::shared_ptr<Session> session, std::shared_ptr<RunControl> control,
                            std::vector<Feed> feeds, std::vector<Fetch> fetches);

/** Lets go of a session or of tensors on the lane's thread. */
std::unique_ptr<Job> releaseJob(std::vector<std::shared_ptr<void>> objects);

/** Stops the lane after everything that was queued before. */
std::unique_ptr<Job> closeJob(Lane& lane);

/** Reads how a session is to be opened. */
SessionSpec readSessionSpec(napi_env env, napi_value config);
std::vector<Feed> readFeeds(napi_env env, napi_value feeds);
std::vector<Fetch> readFetches(napi_env env, napi_value fetches);

}  // namespace framewright
