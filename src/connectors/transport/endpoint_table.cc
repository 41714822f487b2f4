#include "connectors/transport/endpoint_table.h"

#include <utility>

namespace mlnode::connectors {

void Endpoint::Wait(int by) {
  waiting = static_cast<std::size_t>(static_cast<std::int64_t>(waiting) + by);
  metrics.waiting.Add(by);
}

void Endpoint::BeginRequest(bool retry) {
  ++in_flight;
  ++calls;
  metrics.in_flight.Add(1);
  metrics.calls.Add();
  if (!retry) return;
  ++retries;
  metrics.retries.Add();
}

void Endpoint::ProbeAnswered() {
  const bool was_open = circuit.open();
  circuit.Succeeded(true);
  if (was_open && !circuit.open()) metrics.open_circuits.Add(-1);
}

void Endpoint::EndRequest(Outcome outcome, bool probe, SteadyTime sent, SteadyTime now) {
  --in_flight;
  last_used = now;
  metrics.in_flight.Add(-1);
  metrics.seconds.Observe(std::chrono::duration<double>(now - sent).count());
  const bool was_open = circuit.open();
  switch (outcome) {
    case Outcome::kAnswered:
      circuit.Succeeded(probe);
      break;
    case Outcome::kUnreachable:
      ++failures;
      metrics.failures.Add();
      circuit.Failed(probe, now);
      break;
    case Outcome::kUntold:
      circuit.Abandoned(probe);
      break;
  }
  if (circuit.open() != was_open) metrics.open_circuits.Add(was_open ? -1 : 1);
}

std::shared_ptr<Endpoint> EndpointTable::Find(const std::string& name, SteadyTime now) {
  auto found = endpoints_.find(name);
  if (found == endpoints_.end()) {
    if (endpoints_.size() >= most_) MakeRoom();
    found = endpoints_.emplace(name, std::make_shared<Endpoint>(name, MetricsOf(name))).first;
  }
  found->second->last_used = now;
  return found->second;
}

EndpointMetrics EndpointTable::MetricsOf(const std::string& name) {
  const bool known = named_.contains(name);
  const std::string label = known || named_.size() < kNamedInMetrics ? name : "other";
  const Labels labels = {{"endpoint", label}};
  EndpointMetrics made{
      .calls = metrics_.GetCounter("mlnode_remote_requests_total", "Requests sent to remote servers, retries included.",
                                   labels),
      .failures = metrics_.GetCounter("mlnode_remote_failures_total",
                                      "Requests to remote servers that got no HTTP answer.", labels),
      .retries =
          metrics_.GetCounter("mlnode_remote_retries_total", "Requests to remote servers that were retries.", labels),
      .refused = metrics_.GetCounter("mlnode_remote_refused_total",
                                     "Calls that were not sent because the remote server's circuit was open.", labels),
      .in_flight = metrics_.GetGauge("mlnode_remote_in_flight", "Requests under way to remote servers.", labels),
      .waiting =
          metrics_.GetGauge("mlnode_remote_waiting", "Calls that wait for a connection of their connector.", labels),
      .open_circuits =
          metrics_.GetGauge("mlnode_remote_open_circuits",
                            "Remote servers that are not asked because they could not be reached.", labels),
      .seconds = metrics_.GetHistogram("mlnode_remote_request_seconds",
                                       "Time from sending a request to a remote server until it ended.",
                                       Metrics::LatencyBuckets(), labels),
  };
  if (label == name) named_.emplace(name, made);
  return made;
}

void EndpointTable::MakeRoom() {
  auto oldest = endpoints_.end();
  for (auto entry = endpoints_.begin(); entry != endpoints_.end(); ++entry) {
    const Endpoint& candidate = *entry->second;
    if (candidate.in_flight + candidate.waiting > 0) continue;
    if (oldest == endpoints_.end() || candidate.last_used < oldest->second->last_used) oldest = entry;
  }
  if (oldest == endpoints_.end()) return;
  if (oldest->second->circuit.open()) oldest->second->metrics.open_circuits.Add(-1);
  endpoints_.erase(oldest);
}

}  // namespace mlnode::connectors
