#include "storage/nats/nats_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/files.h"
#include "storage/nats/nats_store_impl.h"
#include "storage/nats/streams.h"

namespace mlnode::storage {
namespace nats {
namespace {

// Stream names stand in subjects and in file names of the servers.
constexpr std::size_t kMostPrefix = 64;
constexpr std::uint64_t kMostCredentials = 1 << 20;

Status CheckPrefix(const std::string& prefix) {
  const bool shaped =
      !prefix.empty() && prefix.size() <= kMostPrefix && std::all_of(prefix.begin(), prefix.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      });
  if (shaped) return {};
  return MakeError(Code::kInvalidArgument,
                   fmt::format("the name of a cluster in NATS has 1 to {} characters of A-Z a-z 0-9 _ -", kMostPrefix));
}

// libnats reads the file only when it connects, and then does not say what is wrong.
Status CheckCredentials(const std::string& path) {
  if (path.empty()) return {};
  Result<std::string> text = ReadFile(path, kMostCredentials);
  if (text && text->find("BEGIN NATS USER JWT") != std::string::npos && text->find("SEED") != std::string::npos)
    return {};
  Error error = MakeError(Code::kInvalidArgument,
                          "the file of mlnode.cluster.nats_credentials_file cannot be read, or holds no JWT and seed");
  error.detail = text ? path : text.error().message;
  return error;
}

Status CheckOptions(const NatsOptions& options) {
  RETURN_IF_ERROR(CheckPrefix(options.prefix));
  if (options.replicas < 0 || options.replicas > 5) {
    return MakeError(Code::kInvalidArgument, "NATS keeps 1 to 5 copies (0: three where the servers are a cluster)");
  }
  RETURN_IF_ERROR(CheckCredentials(options.credentials_file));
  if (options.certificate_file.empty() != options.private_key_file.empty()) {
    return MakeError(Code::kInvalidArgument, "a client certificate and its private key are given together");
  }
  return {};
}

}  // namespace

NatsStoreImpl::NatsStoreImpl(NatsOptions options, std::vector<Server> servers, const Clock& clock, FeedTimes times)
    : names_(options.prefix),
      link_(std::move(options), std::move(servers), times.first_server),
      feed_(link_, names_, replica_, own_, clock, times),
      documents_(link_, names_, feed_, own_),
      parts_(link_, names_) {}

Result<std::unique_ptr<NatsStoreImpl>> NatsStoreImpl::Open(NatsOptions options, const Clock& clock, FeedTimes times) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(std::vector<Server> servers, ParseServers(options.servers));
  const CallLimit limit(options.open_limit);
  std::unique_ptr<NatsStoreImpl> store(new NatsStoreImpl(std::move(options), std::move(servers), clock, times));
  RETURN_IF_ERROR(EnsureStreams(store->link_, store->names_, Millis(limit.Left())));
  RETURN_IF_ERROR(store->feed_.Start(Millis(limit.Left())));
  return store;
}

}  // namespace nats

Result<std::unique_ptr<NatsStore>> NatsStore::Open(NatsOptions options, const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<NatsStore> store, nats::NatsStoreImpl::Open(std::move(options), clock, {}));
  return store;
}

}  // namespace mlnode::storage
