#include "lane.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "js-value.h"

namespace framewright {
namespace {

void stopAtExit(void* lane) { static_cast<Lane*>(lane)->stop(); }

}  // namespace

napi_value Job::answer(napi_env env, napi_deferred) {
  napi_value undefined;
  expect(env, napi_get_undefined(env, &undefined));
  return undefined;
}

Lane::Lane(napi_env env) : env_(env), ortEnv_(openEnv()) {
  expect(env, napi_create_threadsafe_function(env, nullptr, nullptr, writeText(env, "framewright lane"), 0, 1, nullptr,
                                              nullptr, this, onDone, &done_));
  // An idle lane does not keep the process alive.
  expect(env, napi_unref_threadsafe_function(env, done_));
  thread_ = std::thread([this] { loop(); });
  // Runs before the function's own clean-up, which was registered earlier.
  expect(env, napi_add_env_cleanup_hook(env, stopAtExit, this));
}

Lane::~Lane() {
  napi_remove_env_cleanup_hook(env_, stopAtExit, this);
  stop();
}

void Lane::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    queue_.clear();
    if (running_ != nullptr) running_->cancel();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (done_ != nullptr) napi_release_threadsafe_function(std::exchange(done_, nullptr), napi_tsfn_abort);
}

napi_value Lane::submit(std::unique_ptr<Job> job, napi_value pinned) {
  if (done_ == nullptr) throw std::runtime_error("the lane was closed");
  napi_value promise;
  expect(env_, napi_create_promise(env_, &job->deferred_, &promise));
  expect(env_, napi_create_reference(env_, pinned, 1, &job->pinned_));
  hold(+1);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(job));
  }
  changed_.notify_all();
  return promise;
}

void Lane::withdraw() {
  std::vector<std::unique_ptr<Job>> cancelled;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto kept = std::stable_partition(queue_.begin(), queue_.end(), [](const auto& job) { return !job->cancelled(); });
    std::move(kept, queue_.end(), std::back_inserter(cancelled));
    queue_.erase(kept, queue_.end());
  }
  for (auto& job : cancelled) {
    job->failure_.emplace(terminated, "stopped before it began");
    settle(std::move(job));
  }
}

void Lane::loop() {
  while (std::unique_ptr<Job> job = next()) {
    try {
      job->execute();
    } catch (const Failure& failure) {
      job->failure_.emplace(failure);
    } catch (const std::exception& error) {
      job->failure_.emplace(ortFailure, error.what());
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    running_ = nullptr;
    // Refused only while the process ends, when nobody waits for the answer.
    if (napi_call_threadsafe_function(done_, job.get(), napi_tsfn_nonblocking) == napi_ok) job.release();
  }
}

std::unique_ptr<Job> Lane::next() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (stopping_) return nullptr;
  std::unique_ptr<Job> job = std::move(queue_.front());
  queue_.pop_front();
  running_ = job.get();
  return job;
}

/** Keeps the process alive while jobs are under way. */
void Lane::hold(int change) {
  const bool held = pending_ > 0;
  pending_ += change;
  if (!held && pending_ > 0) expect(env_, napi_ref_threadsafe_function(env_, done_));
  if (held && pending_ == 0) expect(env_, napi_unref_threadsafe_function(env_, done_));
}

void Lane::onDone(napi_env env, napi_value, void* lane, void* job) {
  std::unique_ptr<Job> owned(static_cast<Job*>(job));
  // Without an environment the process is ending.
  if (env == nullptr) return;
  try {
    static_cast<Lane*>(lane)->settle(std::move(owned));
  } catch (const std::exception& error) {
    napi_fatal_error("framewright", NAPI_AUTO_LENGTH, error.what(), NAPI_AUTO_LENGTH);
  }
}

void Lane::settle(std::unique_ptr<Job> job) {
  const napi_deferred deferred = job->deferred_;
  // The lane is in the handle scope of this call, so that it outlives it.
  napi_value pinned;
  expect(env_, napi_get_reference_value(env_, job->pinned_, &pinned));
  expect(env_, napi_delete_reference(env_, job->pinned_));
  hold(-1);
  try {
    if (job->failure_) throw Failure(*job->failure_);
    napi_value answer = job->answer(env_, deferred);
    if (answer != nullptr) expect(env_, napi_resolve_deferred(env_, deferred, answer));
  } catch (const Failure& failure) {
    expect(env_, napi_reject_deferred(env_, deferred, errorOf(env_, failure.code, failure.what())));
  } catch (const std::exception& error) {
    expect(env_, napi_reject_deferred(env_, deferred, errorOf(env_, ortFailure, error.what())));
  }
}

}  // namespace framewright
