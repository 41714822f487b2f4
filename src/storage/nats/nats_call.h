// storage/nats/nats_call.h: one call of the servers: the time that it has, what its errors mean, and when it is made
// again before that time is up. Threads: any; a CallPacing is one call's.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "storage/nats/nats_handles.h"

namespace mlnode::storage::nats {

using Millis = std::chrono::milliseconds;

// Time that one call of the store may still take. Asked of the steady clock of the system.
class CallLimit {
 public:
  explicit CallLimit(Millis limit) : end_(SystemClock().Now() + limit) {}
  // At least 1: libnats takes 0 for its own default.
  std::int64_t Left() const;
  bool Over() const { return SystemClock().Now() >= end_; }

 private:
  SteadyTime end_;
};

// js_code: the server's (err_code); 0: none. Codes as nats_session.h.
Error ErrorOf(natsStatus status, int js_code, std::string_view what);

// A stream that elects its leader takes no message and answers no question (nor does it remember one), or says that it
// cannot now; after a server's death that is a second or a few.
enum class Again {
  kIfRefused,  // the servers said that they cannot now: nothing was done
  kIfSilent,   // they said nothing, and twice harms nobody; where one cannot now, another may be asked
  kIfEither,
};

class CallPacing {
 public:
  CallPacing(const CallLimit& limit, Again again);
  std::int64_t Wait() const;  // milliseconds that the next call may wait for its answer
  // After a call that failed: true when it is to be made again, now; may have slept for a moment.
  bool Next(natsStatus status, const Error& error);

 private:
  const CallLimit& limit_;
  const Again again_;
  Millis wait_;
};

// `call` is natsStatus(jsOptions& options, jsErrCode& code): options with the time to wait, and where the server's code
// goes. Codes as ErrorOf.
template <class Call>
Status CallUntilAnswered(const CallLimit& limit, Again again, std::string_view what, const Call& call) {
  for (CallPacing pacing(limit, again);;) {
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = pacing.Wait();
    jsErrCode code = NoCode();
    const natsStatus s = call(options, code);
    if (s == NATS_OK) return {};
    Error error = ErrorOf(s, code, what);
    if (!pacing.Next(s, error)) return error;
  }
}

}  // namespace mlnode::storage::nats
