// models/url_registration.h: the work behind a registration from a URL or of a pre-trained model: find it (without a
// URL), document, download, checks, parts, complete.
// Blocks for as long as the download takes. One thread.
#pragma once

#include <atomic>
#include <memory>

#include "models/group_placement.h"
#include "models/registration.h"

namespace mlnode::models {

// How the work is told to end by its own node; others end its task. Threads: any.
struct RegistrationSignals {
  std::atomic<bool> cancelled = false;  // the model is being deleted or undeployed
  std::atomic<bool> closing = false;    // the node stops: leave everything to the repair at the next start
};

// How long a task may go without a sign of life before others may fail it; a download that waits for its peer gives one
// too, and has its own time limits. Written when it would move by kRenewEvery.
inline constexpr std::chrono::minutes kTaskLease{10};
inline constexpr std::chrono::seconds kRenewEvery{10};

// What the task says of a registration that was ended so.
inline constexpr std::string_view kRegistrationCancelled =
    "the model was deleted or undeployed while it was being registered";

class UrlRegistration {
 public:
  // `input.model.id` is set; without `input.url` the model is looked for among the pre-trained ones. All are borrowed
  // but the input.
  UrlRegistration(RegistrationEnvironment& environment, const TaskId& task, RegisterInput input,
                  const RegistrationSignals& signals)
      : environment_(environment), task_(task), input_(std::move(input)), signals_(signals) {}

  // Registers the model. On failure neither document, parts nor temporary file are left, the group is as it was, and
  // the error is what the task should say; kCancelled when a signal or the end of the task ended the work (closing
  // leaves document and parts).
  Status Run();

 private:
  Status FindPretrainedModel();
  Status MakeDocument();
  Status Download();
  Status Verify();
  Status StoreParts();
  Status Complete();
  Status CheckSignals() const;
  // CheckSignals, a look at the task as this node's replica has it (others may have ended or deleted it), and tells the
  // task that work goes on for another kTaskLease.
  Status KeepGoing();
  void CleanUp();
  std::filesystem::path ArchivePath() const { return environment_.temporary / ("register-" + task_.str() + ".zip"); }

  RegistrationEnvironment& environment_;
  const TaskId task_;
  RegisterInput input_;
  const RegistrationSignals& signals_;
  net::FetchPolicy policy_;  // under which input_.url may be read
  GroupPlacement placement_;
  EpochMillis deadline_ = 0;  // as the task has it
  std::int64_t bytes_ = 0;
  std::int64_t parts_ = 0;
  std::string hash_;
};

// Whether the setting plugins.ml_commons.trusted_url_regex is found in the URL. kInvalidArgument "URL can't match
// trusted url regex"; reason "pattern_syntax_exception" when the setting is no regular expression.
Status CheckTrustedUrl(const std::string& url, const config::Snapshot& settings);

}  // namespace mlnode::models
