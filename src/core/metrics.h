// core/metrics.h: counters, gauges and histograms of one node, printed in Prometheus text format at GET /metrics.
// Threads: any. Cost: an atomic add; look a metric up once and keep the reference, which lives as long as Metrics.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mlnode {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double by = 1) = 0;
  virtual double Value() const = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double by) = 0;
  virtual double Value() const = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  // The same name and labels give the same object. Names are snake_case with a unit suffix; `help` is one sentence.
  Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // Buckets are upper bounds, ascending; the first caller of a name decides them.
  Histogram& GetHistogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                          const Labels& labels = {});
  // A counter that leaves the text with its last owner: for labels that come and go, such as models. Owned again later
  // it begins at zero. Not to be mixed with GetCounter of the same name. Metrics outlives all owners.
  std::shared_ptr<Counter> OwnCounter(const std::string& name, const std::string& help, const Labels& labels);
  // Value read when the text is made (resident bytes, queue depth). `read` must not block and must outlive Metrics.
  void AddCallback(const std::string& name, const std::string& help, std::function<double()> read);
  std::string ToText() const;  // text/plain; version=0.0.4

  // 0.5 ms to 30 s, for latencies in seconds.
  static const std::vector<double>& LatencyBuckets();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mlnode
