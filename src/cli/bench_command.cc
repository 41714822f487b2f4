#include <utility>

#include "cli/bench_texts.h"
#include "cli/commands.h"
#include "cli/load_report.h"
#include "cli/load_run.h"

namespace mlnode::cli {
namespace {

struct Target {
  std::string origin;  // "http://127.0.0.1:9200": where /metrics is
  std::string path;    // of the predict call
};

Target FindTarget(const Session& session, const std::string& model_or_url) {
  const std::size_t scheme = model_or_url.find("://");
  if (scheme == std::string::npos)
    return {.origin = session.api.url(), .path = "/_plugins/_ml/models/" + model_or_url + "/_predict"};
  const std::size_t path = std::min(model_or_url.find('/', scheme + 3), model_or_url.size());
  return {.origin = model_or_url.substr(0, path), .path = path < model_or_url.size() ? model_or_url.substr(path) : "/"};
}

struct Reading {
  MetricSums sums;
  SteadyTime at;
};

// Empty sums when the server has no such page.
Reading ReadMetrics(net::HttpClient& http, const std::string& origin, const Clock& clock) {
  net::ClientRequest request;
  request.url = origin + "/metrics";
  request.addresses = net::AddressPolicy::kAny;  // whoever runs the command chose the address
  const Result<net::ClientReply> reply = http.Call(std::move(request));
  const bool found = reply && reply->status == 200;
  return {.sums = found ? SumSeries(reply->body) : MetricSums(), .at = clock.Now()};
}

LoadReport Measure(Session& session, const Target& target, const LoadPlan& plan, const BenchOptions& options) {
  const SystemClock clock;
  const std::unique_ptr<net::HttpClient> http = net::HttpClient::Create();
  Reading before, after;
  const LoadEvents events{.window_opens = [&] { before = ReadMetrics(*http, target.origin, clock); },
                          .window_closes = [&] { after = ReadMetrics(*http, target.origin, clock); },
                          .progress = [&](std::string_view phase, double done,
                                          double total) { session.terminal.Progress(phase, done, total); }};
  const LoadResult result = RunLoad(plan, *http, clock, events);
  session.terminal.EndProgress();
  if (!result.failure.empty()) session.terminal.Note("a request got no answer: " + result.failure);
  LoadReport report = Summarize(result, options.documents);
  report.target = plan.url;
  report.clients = options.clients;
  report.node = LoadBetween(before.sums, after.sums, after.at - before.at);
  return report;
}

}  // namespace

int RunBench(Session& session, const BenchOptions& options) {
  Result<std::vector<std::string>> texts = options.texts_file.empty() ? BuiltInTexts() : ReadTexts(options.texts_file);
  if (!texts) return Fail(session.terminal, texts.error());
  const Target target = FindTarget(session, options.target);
  const LoadPlan plan{.url = target.origin + target.path,
                      .bodies = MakeBodies(*texts, options.documents),
                      .clients = options.clients,
                      .warm_up = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.warm_up)),
                      .window = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.seconds))};
  // One request before the load: a model that is not deployed is said, not measured.
  ApiClient probe(target.origin);
  if (const Result<json::value> answer = probe.SendBytes(target.path, plan.bodies.front()); !answer)
    return Fail(session.terminal, answer.error());
  const LoadReport report = Measure(session, target, plan, options);
  session.terminal.Result(ToJsonObject(report), ToText(report));
  if (report.Succeeded() > 0) return kOk;
  return report.answers.size() == 1 && report.answers.contains(0) ? kUnreachable : kRefused;
}

}  // namespace mlnode::cli
