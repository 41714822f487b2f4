#include "rest/telemetry.h"

#include <algorithm>

#include "core/log.h"

namespace mlnode::rest {
namespace {

constexpr std::array kCachedStatuses = {200, 400, 401, 403, 404, 405, 406, 408, 409, 413, 429, 499, 500, 501, 503, 504};

const std::string& PatternOf(const Route* route) { return route == nullptr ? kNoRoute : route->pattern; }

double Millis(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string SlowLine(const RequestContext& context, int status, double millis) {
  std::string line = fmt::format("{} {} took {:.1f} ms, status {}, request {}", context.http().method,
                                 PatternOf(context.route), millis, status, context.request_id);
  if (context.trace) {
    const PredictTrace& trace = *context.trace;
    line += fmt::format(
        ", model {}, documents {}, tokens {}, parse {:.1f} ms, queue {:.1f} ms, tokenize {:.1f} ms, engine {:.1f} ms, "
        "write {:.1f} ms",
        trace.model, trace.documents, trace.tokens, Millis(trace.parse), Millis(trace.queue), Millis(trace.tokenize),
        Millis(trace.engine), Millis(trace.write));
  }
  return line;
}

}  // namespace

Telemetry::Telemetry(const RouteTable& routes, Metrics& metrics, const Clock& clock)
    : metrics_(metrics),
      clock_(clock),
      documents_(metrics.GetCounter("mlnode_predict_documents_total", "Documents of answered predictions.")),
      tokens_(metrics.GetCounter("mlnode_predict_tokens_total", "Tokens of answered predictions.")),
      truncated_(metrics.GetCounter("mlnode_predict_truncated_total", "Documents cut to their model's length.")) {
  static_assert(kCachedStatuses.size() == kStatuses);
  for (std::size_t i = 0; i < routes.routes().size(); ++i) by_route_.push_back(std::make_unique<RouteMetrics>());
}

Counter& RequestsAnswered(Metrics& metrics, const std::string& pattern, int status) {
  return metrics.GetCounter("mlnode_http_requests_total", "Requests answered, by route and status.",
                            {{"route", pattern}, {"status", std::to_string(status)}});
}

Counter& Telemetry::CounterOf(const Route* route, int status) {
  const auto* found = std::find(kCachedStatuses.begin(), kCachedStatuses.end(), status);
  std::atomic<Counter*>* slot = nullptr;
  if (route != nullptr && found != kCachedStatuses.end()) {
    slot = &by_route_[route->index]->by_status[static_cast<std::size_t>(found - kCachedStatuses.begin())];
    if (Counter* counter = slot->load(std::memory_order_acquire)) return *counter;
  }
  Counter& counter = RequestsAnswered(metrics_, PatternOf(route), status);
  if (slot != nullptr) slot->store(&counter, std::memory_order_release);
  return counter;
}

void Telemetry::RecordRefusal(const Route* route, int status) { CounterOf(route, status).Add(); }

void Telemetry::CountPrediction(const PredictTrace& trace) {
  documents_.Add(static_cast<double>(trace.documents));
  tokens_.Add(static_cast<double>(trace.tokens));
  if (trace.truncated > 0) truncated_.Add(static_cast<double>(trace.truncated));
}

void Telemetry::Record(const RequestContext& context, int status, std::int64_t slow_millis) {
  const Duration took = clock_.Now() - context.http().received;
  RouteMetrics* cache = context.route == nullptr ? nullptr : by_route_[context.route->index].get();
  CounterOf(context.route, status).Add();
  if (cache != nullptr) {
    Histogram* seconds = cache->seconds.load(std::memory_order_acquire);
    if (seconds == nullptr) {
      seconds = &metrics_.GetHistogram("mlnode_http_request_seconds", "Time from a request's header to its answer.",
                                       Metrics::LatencyBuckets(), {{"route", PatternOf(context.route)}});
      cache->seconds.store(seconds, std::memory_order_release);
    }
    seconds->Observe(std::chrono::duration<double>(took).count());
  }
  if (context.trace && status == 200) CountPrediction(*context.trace);
  LOG_DEBUG("rest", "{} {} {} {:.1f} ms, request {}", context.http().method, context.http().target, status,
            Millis(took), context.request_id);
  if (slow_millis > 0 && took >= std::chrono::milliseconds(slow_millis)) {
    LOG_WARN("slow", "{}", SlowLine(context, status, Millis(took)));
  }
}

}  // namespace mlnode::rest
