// prometheus-cpp as registry: what it throws for a wrong name or a name used twice with two types is a bug here and
// ends the process.
#include "core/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include "core/guarded.h"

namespace mlnode {
namespace {

[[noreturn]] void DieBadMetric(const std::string& name, const std::exception& why) {
  std::fprintf(stderr, "bug: metric %s: %s\n", name.c_str(), why.what());
  std::abort();
}

struct CounterView final : Counter {
  explicit CounterView(prometheus::Counter& m) : metric(m) {}
  void Add(double by) override { metric.Increment(by); }
  double Value() const override { return metric.Value(); }
  prometheus::Counter& metric;
};
struct GaugeView final : Gauge {
  explicit GaugeView(prometheus::Gauge& m) : metric(m) {}
  void Set(double value) override { metric.Set(value); }
  void Add(double by) override { metric.Increment(by); }
  double Value() const override { return metric.Value(); }
  prometheus::Gauge& metric;
};
struct HistogramView final : Histogram {
  explicit HistogramView(prometheus::Histogram& m) : metric(m) {}
  void Observe(double value) override { metric.Observe(value); }
  prometheus::Histogram& metric;
};

struct Callback {
  std::string name, help;
  std::function<double()> read;
};

// By library object: the same name and labels give the same one, and so the same view.
struct Views {
  std::map<const void*, std::unique_ptr<Counter>> counters;
  std::map<const void*, int> owners;  // of counters that go
  std::map<const void*, std::unique_ptr<Gauge>> gauges;
  std::map<const void*, std::unique_ptr<Histogram>> histograms;
  std::map<std::string, std::vector<double>> buckets;
  std::vector<Callback> callbacks;
};

template <class View, class Interface, class Metric>
Interface& ViewOf(std::map<const void*, std::unique_ptr<Interface>>& views, Metric& metric) {
  std::unique_ptr<Interface>& view = views[&metric];
  if (!view) view = std::make_unique<View>(metric);
  return *view;
}

prometheus::MetricFamily ReadCallback(const Callback& callback) {
  prometheus::MetricFamily family{callback.name, callback.help, prometheus::MetricType::Gauge, {}};
  family.metric.emplace_back().gauge.value = callback.read();
  return family;
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  Guarded<Views> views;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::GetCounter(const std::string& name, const std::string& help, const Labels& labels) try {
  auto& metric = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels);
  const auto views = impl_->views.Lock();
  return ViewOf<CounterView>(views->counters, metric);
} catch (const std::exception& why) {
  DieBadMetric(name, why);
}

// Added and removed under the lock, so that no owner gets what another is about to remove.
std::shared_ptr<Counter> Metrics::OwnCounter(const std::string& name, const std::string& help,
                                             const Labels& labels) try {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  const auto views = impl_->views.Lock();
  prometheus::Counter& metric = family.Add(labels);
  ++views->owners[&metric];
  return {new CounterView(metric), [impl = impl_.get(), &family, &metric](Counter* view) {
            delete view;
            const auto guarded = impl->views.Lock();
            const auto owned = guarded->owners.find(&metric);
            if (--owned->second > 0) return;
            guarded->owners.erase(owned);
            family.Remove(&metric);
          }};
} catch (const std::exception& why) {
  DieBadMetric(name, why);
}

Gauge& Metrics::GetGauge(const std::string& name, const std::string& help, const Labels& labels) try {
  auto& metric = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels);
  const auto views = impl_->views.Lock();
  return ViewOf<GaugeView>(views->gauges, metric);
} catch (const std::exception& why) {
  DieBadMetric(name, why);
}

Histogram& Metrics::GetHistogram(const std::string& name, const std::string& help, const std::vector<double>& buckets,
                                 const Labels& labels) try {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  const auto views = impl_->views.Lock();
  const std::vector<double>& agreed = views->buckets.emplace(name, buckets).first->second;
  return ViewOf<HistogramView>(views->histograms, family.Add(labels, agreed));
} catch (const std::exception& why) {
  DieBadMetric(name, why);
}

void Metrics::AddCallback(const std::string& name, const std::string& help, std::function<double()> read) {
  impl_->views.Lock()->callbacks.push_back({name, help, std::move(read)});
}

std::string Metrics::ToText() const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  const std::vector<Callback> callbacks = impl_->views.Lock()->callbacks;
  for (const Callback& callback : callbacks) families.push_back(ReadCallback(callback));
  return prometheus::TextSerializer().Serialize(families);
}

const std::vector<double>& Metrics::LatencyBuckets() {
  static const std::vector<double> buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,   0.5,   1,      2.5,   5,    10,    30};
  return buckets;
}

}  // namespace mlnode
