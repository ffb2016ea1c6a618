#include "jobs.h"

#include <utility>

#include "copy-out.h"

namespace framewright {
namespace {

class OpenJob : public Job {
 public:
  OpenJob(std::shared_ptr<OrtEnv> env, Bytes model, SessionSpec spec)
      : env_(std::move(env)),
        model_(model),
        spec_(std::move(spec)),
        options_(make<SessionOptionsHandle>(ort().CreateSessionOptions)) {}

  void execute() override {
    configure(options_.get(), spec_, model_.data, model_.size);
    session_ = std::make_shared<Session>(env_, model_.data, model_.size, options_.get(), spec_);
    inputs_ = session_->inputs();
    outputs_ = session_->outputs();
  }

  void cancel() override {
    const StatusHandle ignored(ort().SessionOptionsSetLoadCancellationFlag(options_.get(), true));
  }

  napi_value answer(napi_env env, napi_deferred) override {
    napi_value opened;
    expect(env, napi_create_object(env, &opened));
    writeProperty(env, opened, "handle", writeShared(env, std::move(session_)));
    writeProperty(env, opened, "inputs", writeTexts(env, inputs_));
    writeProperty(env, opened, "outputs", writeTexts(env, outputs_));
    return opened;
  }

 private:
  std::shared_ptr<OrtEnv> env_;
  Bytes model_;
  SessionSpec spec_;
  SessionOptionsHandle options_;
  std::shared_ptr<Session> session_;
  std::vector<std::string> inputs_;
  std::vector<std::string> outputs_;
};

class RunJob : public Job {
 public:
  RunJob(std::shared_ptr<Session> session, std::shared_ptr<RunControl> control, std::vector<Feed> feeds,
         std::vector<Fetch> fetches)
      : session_(std::move(session)),
        control_(std::move(control)),
        feeds_(std::move(feeds)),
        fetches_(std::move(fetches)) {}

  void execute() override {
    results_ = session_->run(feeds_, fetches_, *control_);
    feeds_.clear();
    session_.reset();
  }

  void cancel() override { control_->terminate(); }
  bool cancelled() const override { return control_->stopped(); }

  napi_value answer(napi_env env, napi_deferred deferred) override {
    napi_value results;
    expect(env, napi_create_array_with_length(env, fetches_.size(), &results));
    std::vector<Copy> copies;
    for (uint32_t index = 0; index < fetches_.size(); ++index) {
      napi_value result = describe(env, *results_[index]);
      if (fetches_[index].keep) {
        writeProperty(env, result, "handle", writeShared(env, results_[index]));
      } else {
        writeProperty(env, result, "buffer", hostBuffer(env, results_[index], copies));
      }
      expect(env, napi_set_element(env, results, index, result));
    }
    return copyOut(env, deferred, results, std::move(copies));
  }

 private:
  static napi_value describe(napi_env env, const Resident& tensor) {
    napi_value result;
    expect(env, napi_create_object(env, &result));
    writeProperty(env, result, "type", writeNumber(env, tensor.type()));
    writeProperty(env, result, "shape", writeShape(env, tensor.shape()));
    return result;
  }

  std::shared_ptr<Session> session_;
  std::shared_ptr<RunControl> control_;
  std::vector<Feed> feeds_;
  std::vector<Fetch> fetches_;
  std::vector<std::shared_ptr<Resident>> results_;
};

class ReleaseJob : public Job {
 public:
  explicit ReleaseJob(std::vector<std::shared_ptr<void>> objects) : objects_(std::move(objects)) {}
  void execute() override { objects_.clear(); }

 private:
  std::vector<std::shared_ptr<void>> objects_;
};

class CloseJob : public Job {
 public:
  explicit CloseJob(Lane& lane) : lane_(lane) {}
  void execute() override {}
  napi_value answer(napi_env env, napi_deferred deferred) override {
    lane_.stop();
    return Job::answer(env, deferred);
  }

 private:
  Lane& lane_;
};

}  // namespace

std::unique_ptr<Job> openJob(std::shared_ptr<OrtEnv> env, Bytes model, SessionSpec spec) {
  return std::make_unique<OpenJob>(std::move(env), model, std::move(spec));
}

std::unique_ptr<Job> runJob(std::shared_ptr<Session> session, std::shared_ptr<RunControl> control,
                            std::vector<Feed> feeds, std::vector<Fetch> fetches) {
  return std::make_unique<RunJob>(std::move(session), std::move(control), std::move(feeds), std::move(fetches));
}

std::unique_ptr<Job> releaseJob(std::vector<std::shared_ptr<void>> objects) {
  return std::make_unique<ReleaseJob>(std::move(objects));
}

std::unique_ptr<Job> closeJob(Lane& lane) { return std::make_unique<CloseJob>(lane); }

}  // namespace framewright
