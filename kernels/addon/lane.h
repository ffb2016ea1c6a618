/** The run thread of a backend, and the queue of jobs in front of it. */
#pragma once

#include <node_api.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "ort-handle.h"

namespace framewright {

/** A piece of work: done on the lane's thread, answered on JavaScript's. */
class Job {
 public:
  virtual ~Job() = default;
  /** The work, on the lane's thread. What it throws is the answer. */
  virtual void execute() = 0;
  /** The answer when it is done, on JavaScript's thread; nothing if the job settles the promise itself later. */
  virtual napi_value answer(napi_env env, napi_deferred deferred);
  /** Ends `execute` early, from another thread. */
  virtual void cancel() {}
  /** Whether nobody wants the work any more, so that it need not begin. */
  virtual bool cancelled() const { return false; }

 private:
  friend class Lane;
  napi_deferred deferred_ = nullptr;
  // What has to stay in memory until the answer: the arguments, whose buffers the work reads, and the lane.
  napi_ref pinned_ = nullptr;
  std::optional<Failure> failure_;
};

/** Jobs follow each other in the order they came. All members but the loop are for JavaScript's thread. */
class Lane {
 public:
  explicit Lane(napi_env env);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  const std::shared_ptr<OrtEnv>& ortEnv() const { return ortEnv_; }
  /** Queues a job. `pinned` is kept until the answer. Gives the promise of the answer. Throws once stopped. */
  napi_value submit(std::unique_ptr<Job> job, napi_value pinned);
  /** Answers the queued jobs that were cancelled, instead of waiting for their turn. */
  void withdraw();
  /** Ends the thread: at once, dropping the queue and cancelling what runs. */
  void stop();

 private:
  void loop();
  std::unique_ptr<Job> next();
  void hold(int change);
  void settle(std::unique_ptr<Job> job);
  static void onDone(napi_env env, napi_value, void* lane, void* job);

  napi_env env_;
  std::shared_ptr<OrtEnv> ortEnv_;
  napi_threadsafe_function done_ = nullptr;
  int pending_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> queue_;
  Job* running_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace framewright
