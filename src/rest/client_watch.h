// rest/client_watch.h: sets the cancel flag of work whose client has gone, so that nothing is computed for nobody, and
// says so, so that what waits for nobody need not keep its place.
// Threads: any. Cost of Watch: one short lock and a push; a sweep each 100 ms looks at what is still running.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/executor.h"
#include "core/guarded.h"
#include "net/http_server.h"
#include "serving/predict.h"

namespace mlnode::rest {

class ClientWatch {
 public:
  // `timers` must be stopped before this goes. `gone` is called on it after flags were set, once a sweep; may be empty.
  explicit ClientWatch(Executor& timers, std::function<void()> gone = {}) : timers_(timers), gone_(std::move(gone)) {}
  // A flag that is set once the exchange's client has gone. Watched for as long as anyone else holds flag and exchange.
  serving::CancelFlag Watch(const std::shared_ptr<net::HttpExchange>& exchange);

 private:
  struct Entry {
    std::weak_ptr<std::atomic<bool>> flag;
    std::weak_ptr<net::HttpExchange> exchange;
  };
  struct State {
    std::vector<Entry> entries;
    bool sweeping = false;  // a timer is set
  };
  void Schedule();
  void Sweep();

  Executor& timers_;
  const std::function<void()> gone_;
  Guarded<State> state_;
};

}  // namespace mlnode::rest
