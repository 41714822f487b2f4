#include "cli/load_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace mlnode::cli {
namespace {

LatencySummary SummarizeLatencies(std::vector<double> millis) {
  if (millis.empty()) return {};
  std::sort(millis.begin(), millis.end());
  const auto at = [&millis](double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(millis.size()));
    return millis[std::min(index, millis.size() - 1)];
  };
  return {.p50 = at(0.5), .p90 = at(0.9), .p99 = at(0.99), .max = millis.back()};
}

std::string StatusName(int status) { return status == 0 ? "no_answer" : std::to_string(status); }

std::string BatchText(const NodeLoad& node) {
  std::string text;
  const auto add = [&text](const std::optional<double>& value, double scale, std::string_view unit) {
    if (value) text += fmt::format("{}{:.1f} {}", text.empty() ? "" : ", ", *value * scale, unit);
  };
  add(node.tokens_per_batch, 1, "tokens");
  add(node.sequences_per_batch, 1, "documents");
  add(node.requests_per_batch, 1, "requests");
  add(node.fill_ratio, 100, "% full");
  return text;
}

}  // namespace

std::size_t LoadReport::Succeeded() const {
  const auto found = answers.find(200);
  return found == answers.end() ? 0 : found->second;
}

LoadReport Summarize(const LoadResult& result, std::size_t documents) {
  LoadReport report;
  report.documents = documents;
  report.seconds = std::chrono::duration<double>(result.window).count();
  std::vector<double> millis;
  for (const LoadAnswer& answer : result.answers) {
    ++report.answers[answer.status];
    if (answer.status == 200) millis.push_back(std::chrono::duration<double, std::milli>(answer.latency).count());
  }
  const auto succeeded = static_cast<double>(millis.size());
  report.requests_per_second = report.seconds > 0 ? succeeded / report.seconds : 0;
  report.documents_per_second = report.requests_per_second * static_cast<double>(documents);
  report.latency_millis = SummarizeLatencies(std::move(millis));
  return report;
}

json::object ToJsonObject(const LoadReport& report) {
  json::object answers;
  for (const auto& [status, count] : report.answers) answers[StatusName(status)] = count;
  const LatencySummary& latency = report.latency_millis;
  return {{"target", report.target},
          {"clients", report.clients},
          {"documents", report.documents},
          {"seconds", report.seconds},
          {"documents_per_second", report.documents_per_second},
          {"requests_per_second", report.requests_per_second},
          {"latency_ms", {{"p50", latency.p50}, {"p90", latency.p90}, {"p99", latency.p99}, {"max", latency.max}}},
          {"answers", std::move(answers)},
          {"node", ToJsonObject(report.node)}};
}

std::string ToText(const LoadReport& report) {
  std::string text = fmt::format("{} clients x {} documents, {:.1f} s, {}\n", report.clients, report.documents,
                                 report.seconds, report.target);
  text += fmt::format("documents/s  {:.1f}\nrequests/s   {:.1f}\n", report.documents_per_second,
                      report.requests_per_second);
  if (report.node.tokens_per_second) text += fmt::format("tokens/s     {:.0f}\n", *report.node.tokens_per_second);
  const LatencySummary& latency = report.latency_millis;
  text += fmt::format("latency ms   p50 {:.1f}  p90 {:.1f}  p99 {:.1f}  max {:.1f}\n", latency.p50, latency.p90,
                      latency.p99, latency.max);
  if (const std::string batches = BatchText(report.node); !batches.empty()) text += "a batch      " + batches + "\n";
  text += "answers     ";
  for (const auto& [status, count] : report.answers) text += fmt::format(" {}: {} ", StatusName(status), count);
  if (report.answers.empty()) text += " none";
  while (text.ends_with(' ')) text.pop_back();
  return text + "\n";
}

}  // namespace mlnode::cli
