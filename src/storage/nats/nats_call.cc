#include "storage/nats/nats_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

namespace mlnode::storage::nats {
namespace {

// The server's errors (err_code), where their kind matters. Not in the table: kFailedPrecondition. Names as in
// status.h.
struct CodeRow {
  int js_code;
  Code code;
};
constexpr std::array kCodes = {
    CodeRow{JSNoMessageFoundErr, Code::kNotFound},
    CodeRow{JSSequenceNotFoundErr, Code::kNotFound},
    CodeRow{JSStreamWrongLastSequenceErr, Code::kConflict},
    CodeRow{10164, Code::kConflict},     // newer servers: another message with this expectation is on its way
    CodeRow{10163, Code::kUnavailable},  // newer servers: a new leader does not know yet
    CodeRow{10167, Code::kUnavailable},  // newer servers: too many requests at once
    CodeRow{JSAccountResourcesExceededErr, Code::kResourceExhausted},
    CodeRow{JSInsufficientResourcesErr, Code::kResourceExhausted},
    CodeRow{JSMemoryResourcesExceededErr, Code::kResourceExhausted},
    CodeRow{JSStorageResourcesExceededErr, Code::kResourceExhausted},
    CodeRow{JSStreamMaxStreamBytesExceededErr, Code::kResourceExhausted},
    CodeRow{JSStreamLimitsErr, Code::kResourceExhausted},
    CodeRow{JSClusterNoPeersErr, Code::kUnavailable},
    CodeRow{JSClusterNotAvailErr, Code::kUnavailable},
    CodeRow{JSClusterNotLeaderErr, Code::kUnavailable},
    CodeRow{JSStreamOfflineErr, Code::kUnavailable},
    CodeRow{JSNotEnabledErr, Code::kUnavailable},  // of a server that just starts
    CodeRow{JSConsumerOfflineErr, Code::kUnavailable},
    // The leader could not store what the others may have stored.
    CodeRow{JSStreamStoreFailedErr, Code::kDeadlineExceeded},
    CodeRow{JSStreamSequenceNotMatchErr, Code::kDeadlineExceeded},
};

Code CodeOfServer(int js_code, std::string_view words) {
  // A limit of the stream is the same on all its servers.
  if (js_code == JSStreamStoreFailedErr && words.find("exceeded") != std::string_view::npos) {
    return Code::kResourceExhausted;
  }
  // The server's one error for whatever went wrong.
  if (js_code == JSStreamMsgDeleteFailed) {
    return words.find("not found") != std::string_view::npos || words.find("no message found") != std::string_view::npos
               ? Code::kNotFound
               : Code::kUnavailable;
  }
  const auto row = std::find_if(kCodes.begin(), kCodes.end(), [&](const CodeRow& r) { return r.js_code == js_code; });
  return row == kCodes.end() ? Code::kFailedPrecondition : row->code;
}

Code CodeOfLibrary(natsStatus status) {
  switch (status) {
    case NATS_NOT_FOUND:
      return Code::kNotFound;
    case NATS_NO_RESPONDERS:
      return Code::kUnavailable;
    case NATS_MAX_PAYLOAD:
    case NATS_NO_SERVER_SUPPORT:
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
      return Code::kFailedPrecondition;
    default:
      return Code::kDeadlineExceeded;
  }
}

std::string_view Meaning(Code code) {
  switch (code) {
    case Code::kNotFound:
      return "it is not there";
    case Code::kConflict:
      return "it was changed meanwhile";
    case Code::kResourceExhausted:
      return "the NATS servers have no space left for it";
    case Code::kUnavailable:
      return "the NATS servers cannot now";
    case Code::kFailedPrecondition:
      return "the NATS servers refuse it";
    default:
      return "the NATS servers do not answer";
  }
}

constexpr Millis kRetryAfter{1'000};

// A question that is not answered is asked again: answers take some 10 ms. Each further wait is twice as long, since
// the line may be slow.
constexpr Millis kFirstAnswer{300};
// Between two calls that were refused: elections take seconds.
constexpr Millis kElectionPause{50};
// What a call needs at least. Less, and what was sent last might be done without anybody knowing.
constexpr Millis kLeastCall{200};

}  // namespace

std::int64_t CallLimit::Left() const {
  const auto left = std::chrono::duration_cast<Millis>(end_ - SystemClock().Now());
  return std::max<std::int64_t>(left.count(), 1);
}

Error ErrorOf(natsStatus status, int js_code, std::string_view what) {
  const char* words = nats_GetLastError(nullptr);
  const std::string detail = words == nullptr ? "" : words;
  // For "no responders" libnats makes up a server's code.
  const bool servers = js_code != 0 && status != NATS_NO_RESPONDERS;
  const Code code = servers ? CodeOfServer(js_code, detail) : CodeOfLibrary(status);
  Error error = MakeError(code, fmt::format("{}: {}", what, Meaning(code)));
  error.detail = fmt::format("{} ({}{})", detail, natsStatus_GetText(status),
                             js_code != 0 ? fmt::format(", {}", js_code) : std::string());
  if (code == Code::kUnavailable || code == Code::kDeadlineExceeded) error.retry_after = kRetryAfter;
  return error;
}

CallPacing::CallPacing(const CallLimit& limit, Again again) : limit_(limit), again_(again), wait_(kFirstAnswer) {}

std::int64_t CallPacing::Wait() const {
  return again_ == Again::kIfRefused ? limit_.Left() : std::min<std::int64_t>(limit_.Left(), wait_.count());
}

bool CallPacing::Next(natsStatus status, const Error& error) {
  if (error.code == Code::kUnavailable) {
    if (again_ == Again::kIfSilent || limit_.Left() < (kElectionPause + kLeastCall).count()) return false;
    std::this_thread::sleep_for(kElectionPause);
    return true;
  }
  if (status != NATS_TIMEOUT || again_ == Again::kIfRefused || limit_.Over()) return false;
  wait_ *= 2;
  return true;
}

}  // namespace mlnode::storage::nats
