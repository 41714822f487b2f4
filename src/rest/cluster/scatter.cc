#include "rest/cluster/scatter.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "core/log.h"
#include "rest/cluster/document_cuts.h"
#include "rest/content_type.h"
#include "rest/json_reply.h"
#include "rest/predict_request.h"
#include "rest/predict_writer.h"
#include "serving/exception_barrier.h"
#include "serving/scheduler.h"

namespace mlnode::rest {
namespace {

double Millis(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

bool AreIndependent(models::FunctionName function) {
  switch (function) {
    case models::FunctionName::kTextEmbedding:
    case models::FunctionName::kSparseEncoding:
    case models::FunctionName::kSparseTokenize:
    case models::FunctionName::kTextSimilarity:
      return true;
    default:
      return false;
  }
}

// One scattered prediction on its way; kept alive by its parts.
class ScatterCall : public std::enable_shared_from_this<ScatterCall> {
 public:
  ScatterCall(Forwarder& forwarder, deploy::NodeCore& node, ScatterTask task, ReplyTaker answer)
      : forwarder_(forwarder), node_(node), task_(std::move(task)), answer_(std::move(answer)) {}

  void Start(const DocumentCuts& cuts, std::size_t parts) {
    begun_ = node_.clock().Now();
    const std::size_t documents = cuts.documents.size();
    parts_.resize(parts);
    left_ = parts;
    const std::size_t first_worker = task_.here ? 1 : 0;  // part 0 is this node's, if it holds the model
    for (std::size_t i = 0; i < parts; ++i) {
      parts_[i].first = documents * i / parts;
      parts_[i].count = documents * (i + 1) / parts - parts_[i].first;
    }
    for (std::size_t i = first_worker; i < parts; ++i) {
      SendPart(i, BodyOfPart(task_.context->body(), cuts, parts_[i].first, parts_[i].count), i - first_worker);
    }
    if (task_.here) ComputePart(0);
  }

 private:
  struct Part {
    std::size_t first = 0, count = 0;               // of the documents
    std::string text;                               // the answer
    std::optional<Result<net::HttpReply>> failure;  // it was cut off
    std::size_t tokens = 0, truncated = 0;          // of what was computed here
    bool computed_here = false;
  };

  void SendPart(std::size_t index, std::string text, std::size_t worker) {
    const auto body = std::make_shared<const std::string>(std::move(text));
    PeerRequest request{
        .method = "POST", .target = std::string(task_.context->path), .headers = {}, .body = *body, .owner = body};
    request.headers.Add("Content-Type", "application/json");
    request.headers.Add("X-Opaque-Id", task_.context->request_id);
    // The request counts once, however many compute it: here, or else with the first part.
    if (task_.here || index > 0) request.headers.Add(std::string(kChargedHeader), "1");
    // By the documents of the whole: a part of it alone may look like somebody's question.
    const bool bulk = serving::UrgencyOf(task_.request.urgency, task_.request.texts.size()) == serving::Urgency::kBulk;
    request.headers.Add(std::string(kPriorityHeader), bulk ? "bulk" : "interactive");
    std::vector<deploy::Worker> workers = {task_.workers[worker]};
    forwarder_.Send({.model = task_.model,
                     .request = std::move(request),
                     .workers = std::move(workers),
                     .deadline = task_.request.deadline,
                     .may_retry = true,
                     .unwanted = [cancelled = task_.request.cancelled] { return cancelled->load(); }},
                    [call = shared_from_this(), index](Result<net::ClientReply> reply) {
                      if (!reply && reply.error().code == Code::kUnavailable && call->task_.here) {
                        return call->ComputePart(index);  // nobody else is left for it
                      }
                      if (!reply) return call->Failed(index, std::move(reply).error());
                      if (reply->status != 200) return call->Failed(index, Relay(*std::move(reply)));
                      call->Computed(index, std::move(reply->body));
                    });
  }

  void ComputePart(std::size_t index) {
    const Part& part = parts_[index];
    serving::PredictRequest request = task_.request;
    request.urgency = serving::UrgencyOf(request.urgency, request.texts.size());
    const auto begin = request.texts.begin() + static_cast<std::ptrdiff_t>(part.first);
    request.texts = {begin, begin + static_cast<std::ptrdiff_t>(part.count)};
    task_.here->Predict(std::move(request), task_.here,
                        [call = shared_from_this(), index](Result<serving::PredictResult> result) {
                          if (!result) return call->Failed(index, std::move(result).error());
                          const auto held = std::make_shared<const serving::PredictResult>(*std::move(result));
                          const auto print = [call, held, index] { call->Print(index, *held); };
                          if (!call->node_.executors().cpu.Post(print)) print();
                        });
  }

  void Print(std::size_t index, const serving::PredictResult& result) {
    auto text =
        serving::StopExceptions("The prediction", [&] { return WritePredictReply(result, task_.request.filter); });
    if (!text) return Failed(index, std::move(text).error());
    Part& part = parts_[index];
    part.tokens = result.tokens;
    part.truncated = result.truncated;
    part.computed_here = true;
    Computed(index, *std::move(text));
  }

  void Computed(std::size_t index, std::string text) {
    parts_[index].text = std::move(text);
    End();
  }

  // Answers at once: what the others still compute is wanted by nobody. One that was only cut off has no reason of its
  // own; either the part that has one answers, or the client has gone.
  void Failed(std::size_t index, Result<net::HttpReply> failure) {
    const bool cut_off = !failure && failure.error().code == Code::kCancelled;
    task_.request.cancelled->store(true);  // for the others
    if (cut_off) {
      parts_[index].failure = std::move(failure);
    } else {
      const auto why = std::make_shared<Result<net::HttpReply>>(std::move(failure));
      Reply([why] { return std::move(*why); });
    }
    End();
  }

  // The last part's end answers, if no failure did.
  void End() {
    if (left_.fetch_sub(1) == 1) Reply([this] { return Gather(); });
  }

  void Reply(std::function<Result<net::HttpReply>()> make) {
    if (answered_.exchange(true)) return;
    const auto reply = [call = shared_from_this(), make = std::move(make)] {
      call->answer_(serving::StopExceptions("The prediction", make));
    };
    if (!node_.executors().cpu.Post(reply)) reply();
  }

  Result<net::HttpReply> Gather() {
    std::vector<std::string_view> results;
    PredictTrace& trace = *task_.context->trace;
    for (Part& part : parts_) {
      if (part.failure) return *std::move(part.failure);
      const auto text = ResultsOf(part.text);
      if (!text) return MakeError(Code::kInternal, "another node answered a part of the prediction in an unknown form");
      results.push_back(*text);
      if (!part.computed_here) continue;  // another node counts its own
      trace.documents += part.count;
      trace.tokens += part.tokens;
      trace.truncated += part.truncated;
    }
    net::HttpReply reply = JsonTextReply(*task_.context, SpliceResults(results));
    reply.headers.Add("Server-Timing",
                      fmt::format("parse;dur={:.3f}, scatter;dur={:.3f};desc=\"{} parts\"", Millis(trace.parse),
                                  Millis(node_.clock().Now() - begun_), parts_.size()));
    return reply;
  }

  Forwarder& forwarder_;
  deploy::NodeCore& node_;
  ScatterTask task_;
  const ReplyTaker answer_;
  SteadyTime begun_;
  std::vector<Part> parts_;  // each written by whoever ends it
  std::atomic<std::size_t> left_ = 0;
  std::atomic<bool> answered_ = false;
};

}  // namespace

bool MayScatter(const RequestContext& context, models::FunctionName function, bool has_interface, std::size_t documents,
                std::int64_t more_than) {
  if (more_than <= 0 || documents <= static_cast<std::size_t>(more_than)) return false;
  if (context.peer || has_interface || context.json_body || !AreIndependent(function)) return false;
  return AnswerFormat(context.http().headers, context.Query("format")) == ContentFormat::kJson;
}

bool Scatter(Forwarder& forwarder, deploy::NodeCore& node, ScatterTask& task, std::int64_t more_than,
             ReplyTaker answer) {
  const std::size_t documents = task.request.texts.size();
  const auto each = static_cast<std::size_t>(more_than);
  const std::size_t nodes = task.workers.size() + (task.here ? 1 : 0);
  const std::size_t parts = std::min(nodes, (documents + each - 1) / each);
  if (parts < 2) return false;
  const auto cuts = CutDocuments(task.context->body());
  if (!cuts || cuts->documents.size() != documents) return false;
  std::make_shared<ScatterCall>(forwarder, node, std::move(task), std::move(answer))->Start(*cuts, parts);
  return true;
}

}  // namespace mlnode::rest
