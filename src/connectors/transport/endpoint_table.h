// connectors/transport/endpoint_table.h: what is known of each server that is asked: its circuit, its numbers and its
// metrics. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "connectors/transport/circuit_breaker.h"
#include "core/metrics.h"

namespace mlnode::connectors {

struct EndpointMetrics {
  Counter &calls, &failures, &retries, &refused;
  Gauge &in_flight, &waiting, &open_circuits;
  Histogram& seconds;
};

struct Endpoint {
  Endpoint(std::string given_name, EndpointMetrics given_metrics)
      : name(std::move(given_name)), metrics(given_metrics) {}

  // Each changes the number and its metric.
  void Wait(int by);
  void BeginRequest(bool retry);
  // The answer to a probe has begun. EndRequest then counts no second success: outcome kUntold, no probe.
  void ProbeAnswered();
  enum class Outcome : std::uint8_t { kAnswered, kUnreachable, kUntold };  // untold: it says nothing about the server
  void EndRequest(Outcome outcome, bool probe, SteadyTime sent, SteadyTime now);

  const std::string name;
  CircuitBreaker circuit;
  std::size_t in_flight = 0, waiting = 0;
  std::uint64_t calls = 0, failures = 0, retries = 0;
  SteadyTime last_used{};
  EndpointMetrics metrics;
};

class EndpointTable {
 public:
  // So many get metrics under their own name; further ones share the label "other", because a label never goes away.
  static constexpr std::size_t kNamedInMetrics = 64;

  EndpointTable(Metrics& metrics, std::size_t most) : metrics_(metrics), most_(most) {}
  // Made when it is new. Beyond `most` the one goes that was unused longest, with what is known of it; more are kept
  // only while all are in use.
  std::shared_ptr<Endpoint> Find(const std::string& name, SteadyTime now);
  const std::map<std::string, std::shared_ptr<Endpoint>>& all() const { return endpoints_; }

 private:
  EndpointMetrics MetricsOf(const std::string& name);
  void MakeRoom();

  Metrics& metrics_;
  const std::size_t most_;
  std::map<std::string, std::shared_ptr<Endpoint>> endpoints_;
  std::map<std::string, EndpointMetrics> named_;
};

}  // namespace mlnode::connectors
