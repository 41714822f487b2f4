// rest/api_server.h: the REST API as the HTTP server sees it: routing, checks, dispatch, and one guard around every
// handler. Order of checks (spec/rest-conventions §1.3): a peer's signature where there is one, route, content type,
// query parameters, body size, handler.
// Threads: CheckHead and Handle on io threads; both return at once.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/executor.h"
#include "core/id.h"
#include "core/metrics.h"
#include "net/http_server.h"
#include "net/peer_signature.h"
#include "rest/route_table.h"
#include "rest/telemetry.h"

namespace mlnode::rest {

class ApiServer final : public net::HttpHandler {
 public:
  struct Environment {
    Executor& background;
    Executor& cpu;  // turns YAML and CBOR bodies of asynchronous handlers into JSON
    const Clock& clock;
    RandomSource& random;
    Metrics& metrics;
    // Requests that take longer are logged with their phases; 0: none. May change while requests run.
    std::shared_ptr<const std::atomic<std::int64_t>> slow_log_millis;
    // Of requests that other nodes sign; null: this node has no others, and whoever claims to be one is refused.
    net::PeerVerifier* verifier = nullptr;
  };
  // `routes` is complete.
  ApiServer(std::unique_ptr<RouteTable> routes, Environment environment);

  std::optional<net::HttpReply> CheckHead(const net::HttpRequest& head) override;
  void Handle(std::shared_ptr<net::HttpExchange> exchange) override;
  net::HttpReply Refusal(int status, const std::string& message) override;

 private:
  // CheckHead; `route` is the one that was found, or null.
  std::optional<net::HttpReply> RefuseHead(const net::HttpRequest& head, const rest::Route*& route) const;
  // Goes on with a request whose sender is known, if it is a peer.
  void Begin(std::shared_ptr<RequestContext> context);
  void CheckPeer(std::shared_ptr<RequestContext> context);
  // An answer that needs no handler, or nullopt with the context's route filled in.
  std::optional<net::HttpReply> Route(RequestContext& context) const;
  std::optional<net::HttpReply> Check(const RequestContext& context) const;
  void Dispatch(std::shared_ptr<RequestContext> context);
  void StartAsync(const std::shared_ptr<RequestContext>& context);
  void Finish(RequestContext& context, net::HttpReply reply);
  void FinishResult(RequestContext& context, Result<net::HttpReply> result);
  std::string RequestId(const net::HttpRequest& request);

  std::unique_ptr<RouteTable> routes_;
  Environment environment_;
  Telemetry telemetry_;
  std::string id_prefix_;  // of this process
  std::atomic<std::uint64_t> next_id_ = 1;
};

}  // namespace mlnode::rest
