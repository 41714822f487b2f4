#include "models/url_registration.h"

#include <re2/re2.h>

#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "core/sha256.h"
#include "models/archive.h"
#include "models/new_file.h"
#include "models/pretrained/pretrained.h"

namespace mlnode::models {
namespace {

// Stands in where a node has no HTTP client: file URLs need none.
class NoHttpClient final : public net::HttpClient {
 public:
  std::uint64_t Send(net::ClientRequest, Done done) override {
    done(MakeError(Code::kUnavailable, "this node has no HTTP client: only file URLs can be read"));
    return 0;
  }
  void Cancel(std::uint64_t) override {}
};

net::HttpClient& ClientOf(const RegistrationEnvironment& environment) {
  static NoHttpClient none;
  return environment.client != nullptr ? *environment.client : none;
}

net::FetchPolicy PolicyOf(const config::Snapshot& settings) {
  net::FetchPolicy policy;
  policy.addresses =
      settings.Bool("mlnode.url.allow_private_addresses") ? net::AddressPolicy::kAny : net::AddressPolicy::kPublicOnly;
  for (const std::string& root : settings.List("mlnode.file_url_roots")) policy.file_roots.emplace_back(root);
  policy.max_bytes = kMaxArchiveBytes;
  return policy;
}

Error TooLong(std::int64_t bytes) {
  return MakeError(Code::kTooLarge, "Model file size exceeds the limit of 4GB: " + std::to_string(bytes));
}

Error EndedByOthers() { return MakeError(Code::kCancelled, "the registration task was ended or deleted by others"); }

Error RemovedMeanwhile() { return MakeError(Code::kCancelled, "the model was removed while it was being registered"); }

}  // namespace

Status CheckTrustedUrl(const std::string& url, const config::Snapshot& settings) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 trusted(settings.String("plugins.ml_commons.trusted_url_regex"), options);
  if (!trusted.ok()) {
    Error error =
        MakeError(Code::kInvalidArgument,
                  "the setting plugins.ml_commons.trusted_url_regex is not a regular expression: " + trusted.error());
    error.reason = "pattern_syntax_exception";
    return error;
  }
  if (RE2::PartialMatch(url, trusted)) return {};
  return MakeError(Code::kInvalidArgument, "URL can't match trusted url regex");
}

Status UrlRegistration::Run() {
  RETURN_IF_ERROR(KeepGoing());
  policy_ = PolicyOf(*environment_.settings.Current());
  // Asked in this thread, which may wait for the store; the sink runs on the HTTP client's thread, which must not.
  policy_.keep_going = [this] { return KeepGoing(); };
  if (!input_.url) RETURN_IF_ERROR(FindPretrainedModel());
  Status done = MakeDocument();
  if (!done) return done;
  for (Status (UrlRegistration::*step)() : {&UrlRegistration::Download, &UrlRegistration::Verify,
                                            &UrlRegistration::StoreParts, &UrlRegistration::Complete}) {
    done = (this->*step)();
    if (!done) break;
  }
  std::error_code ignored;
  std::filesystem::remove(ArchivePath(), ignored);
  if (!done && !signals_.closing) CleanUp();
  return done;
}

// What is published decides over what the request says of function and configuration.
Status UrlRegistration::FindPretrainedModel() {
  Model& model = input_.model;
  const PretrainedName wanted{.name = model.name,
                              .version = input_.requested_version,
                              .format = model.format.value_or(engines::ModelFormat::kOnnx)};
  ASSIGN_OR_RETURN(PretrainedModel found,
                   FindPretrained(ClientOf(environment_), *environment_.settings.Current(), policy_, wanted));
  model.function = found.function;
  model.config = std::move(found.config);
  model.content_hash = std::move(found.content_hash);
  input_.url = std::move(found.archive_url);
  policy_ = std::move(found.policy);
  const auto name_function = [&model](tasks::TaskRecord& task) { task.function_name = TraitsOf(model.function).name; };
  const Result<tasks::TaskRecord> named =
      environment_.tasks.Transition(task_, tasks::TaskState::kCreated, name_function);
  if (!named) LOG_DEBUG("models", "task {} keeps its function: {}", task_.str(), named.error().message);
  return KeepGoing();
}

Status UrlRegistration::MakeDocument() {
  ModelRepository& models = environment_.models;
  Result<GroupPlacement> placed = PlaceInGroup(models, input_);
  if (!placed) {
    if (placed.error().code == Code::kNotFound) return MakeError(Code::kNotFound, "Model group not found");
    return placed.error();
  }
  placement_ = *placed;
  Model model = Placed(input_.model, placement_, environment_.random, environment_.clock);
  model.register_task = task_;
  model.content_bytes.reset();
  model.total_chunks.reset();
  const Status created = CreateInGroup(models, model, placement_);
  input_.model = std::move(model);
  return created;
}

Status UrlRegistration::Download() {
  RETURN_IF_ERROR(config::CheckDiskBreaker(*environment_.settings.Current(), environment_.resources()));
  std::error_code failed;
  std::filesystem::create_directories(environment_.temporary, failed);
  if (failed) return FileError("create a folder", environment_.temporary, failed.value());
  ASSIGN_OR_RETURN(NewFile file, NewFile::Create(ArchivePath()));
  Sha256 hash;
  const auto sink = [&](std::string_view piece) -> Status {
    bytes_ += static_cast<std::int64_t>(piece.size());
    if (bytes_ >= kMaxArchiveBytes) return TooLong(bytes_);
    hash.Update(piece);
    return file.Append(piece);
  };
  RETURN_IF_ERROR(net::Fetch(ClientOf(environment_), input_.url.value_or(""), policy_, sink));
  hash_ = hash.HexDigest();
  return file.Finish();
}

Status UrlRegistration::Verify() {
  RETURN_IF_ERROR(KeepGoing());
  const Model& model = input_.model;
  ASSIGN_OR_RETURN(const ArchiveSummary summary,
                   CheckArchive(ArchivePath(), {.function = model.function,
                                                .format = model.format.value_or(engines::ModelFormat::kOnnx)}));
  LOG_DEBUG("models", "archive of {}: {} entries, {} bytes unpacked", model.id.str(), summary.entries,
            summary.unpacked_bytes);
  if (!model.content_hash)
    return MakeError(
        Code::kInvalidArgument,
        "Model content Hash code need to be provided when register via url. Please calculate sha 256 Hash code.");
  return *model.content_hash == hash_ ? Status() : MakeError(Code::kInvalidArgument, "model content changed");
}

Status UrlRegistration::StoreParts() {
  std::ifstream file(ArchivePath(), std::ios::binary);
  std::string part(static_cast<std::size_t>(kChunkBytes), '\0');
  std::int64_t left = bytes_;
  for (std::uint32_t number = 0; left > 0; ++number) {
    RETURN_IF_ERROR(KeepGoing());
    part.resize(static_cast<std::size_t>(std::min(left, kChunkBytes)));
    if (!file.read(part.data(), static_cast<std::streamsize>(part.size())))
      return MakeError(Code::kInternal, "the downloaded archive cannot be read back");
    RETURN_IF_ERROR(environment_.models.store().PutPart(input_.model.upload, number, part));
    left -= static_cast<std::int64_t>(part.size());
    ++parts_;
  }
  return {};
}

Status UrlRegistration::Complete() {
  RETURN_IF_ERROR(KeepGoing());
  const auto complete = [this](Model& model) -> Status {
    if (model.upload != input_.model.upload) return RemovedMeanwhile();
    const EpochMillis now = environment_.clock.WallMillis();
    model.registration = Registration::kRegistered;
    model.content_bytes = bytes_;
    model.total_chunks = parts_;
    model.last_updated_time = model.last_registered_time = now;
    return {};
  };
  const Result<Model> registered = environment_.models.Update(input_.model.id, complete);
  if (registered) return {};
  // The write may have happened all the same; only the document knows.
  const Result<Model> stored = environment_.models.GetFresh(input_.model.id);
  if (stored && stored->upload == input_.model.upload && stored->registration == Registration::kRegistered) return {};
  if (registered.error().code == Code::kNotFound) return RemovedMeanwhile();
  return registered.error();
}

Status UrlRegistration::CheckSignals() const {
  if (signals_.closing) return MakeError(Code::kCancelled, "the node stops");
  if (signals_.cancelled) return MakeError(Code::kCancelled, std::string(kRegistrationCancelled));
  return {};
}

Status UrlRegistration::KeepGoing() {
  RETURN_IF_ERROR(CheckSignals());
  const Result<tasks::TaskRecord> task = environment_.tasks.Get(task_);
  if (task ? tasks::IsTerminal(task->state) : task.error().code == Code::kNotFound) return EndedByOthers();
  const EpochMillis deadline = environment_.clock.WallMillis() + std::chrono::milliseconds(kTaskLease).count();
  if (std::abs(deadline - deadline_) < std::chrono::milliseconds(kRenewEvery).count()) return {};
  const Result<tasks::TaskRecord> renewed = environment_.tasks.Transition(
      task_, tasks::TaskState::kCreated, [deadline](tasks::TaskRecord& task) { task.deadline = deadline; });
  if (renewed) {
    deadline_ = deadline;
    return {};
  }
  const Code code = renewed.error().code;
  if (code == Code::kNotFound || code == Code::kFailedPrecondition) return EndedByOthers();
  return {};  // the store does not answer now; the lease is long enough to ask again
}

void UrlRegistration::CleanUp() {
  ModelRepository& models = environment_.models;
  const auto still_ours = [this](const Model& model) -> Status {
    if (model.upload == input_.model.upload && model.registration == Registration::kRegistering) return {};
    return MakeError(Code::kFailedPrecondition, "another model has this id now");
  };
  const Result<storage::Written> removed = models.Remove(input_.model.id, still_ours);
  if (!removed)
    LOG_DEBUG("models", "failed registration of {}: its document: {}", input_.model.id.str(), removed.error().message);
  // Parts written after somebody else removed the document are nobody's. While a document may name them (it is
  // registered after all, or the store does not say), they stay: the repair removes them if nobody owns them.
  const bool nobodys = removed || removed.error().code == Code::kNotFound;
  if (nobodys) {
    const Status parts = models.store().RemoveUpload(input_.model.upload);
    if (!parts)
      LOG_WARN("models", "parts of failed registration {} stay for now: {}", input_.model.id.str(),
               parts.error().message);
  }
  if (nobodys) UndoPlacement(models, placement_);
}

}  // namespace mlnode::models
