#include "serving/text_embedding.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/utf8.h"
#include "serving/exception_barrier.h"

namespace mlnode::serving {
namespace {

// Beyond either, tokenizing would hold the caller's thread for more than about a millisecond (text/tokenizer.h, Cost).
constexpr std::size_t kInlineTexts = 16;
constexpr std::size_t kInlineBytes = 16 * 1024;
// Texts between two looks at the clock, the cancel flag and the token limit: some 10 ms of common texts.
constexpr std::size_t kTextsAtOnce = 256;

// One prediction on its way. Kept alive by whoever runs its next step.
struct Prediction {
  std::shared_ptr<Servable> self;
  PredictRequest request;
  PredictDone done;
  const std::string* prefix = nullptr;  // of the spec; null: none
  PredictResult result;
  std::shared_ptr<EmbeddingSink> sink;

  // Only the first counts: a step that throws may have handed the prediction on before.
  void Answer(Result<PredictResult> answer) {
    if (!answered.exchange(true)) done(std::move(answer));
  }
  std::atomic<bool> answered{false};
};
using PredictionPtr = std::shared_ptr<Prediction>;

// The prefix that spec/predict-local §7.4 gives the texts.
Result<const std::string*> ChoosePrefix(const models::ModelConfig& config, const PredictRequest& request) {
  const bool asymmetric = config.query_prefix || config.passage_prefix;
  if (request.has_parameters && !asymmetric) {
    return MakeError(
        Code::kInvalidArgument,
        "When passing AsymmetricTextEmbeddingParameters, the model requires to be registered with at least one "
        "of `query_prefix` or `passage_prefix`.");
  }
  if (!request.has_parameters && asymmetric) {
    return MakeError(
        Code::kInvalidArgument,
        "The embedding model chosen is asymmetric. To use it, you must declare whether the input is of type "
        "`QUERY` or of type `PASSAGE`.");
  }
  const auto& prefix = request.content_type == ContentType::kPassage ? config.passage_prefix : config.query_prefix;
  return prefix ? &*prefix : nullptr;
}

bool IsLarge(const std::vector<std::string_view>& texts) {
  if (texts.size() > kInlineTexts) return true;
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  return bytes > kInlineBytes;
}

Result<PredictResult> Gather(Prediction& prediction, const BatchOutcome& outcome) {
  PredictResult result = std::move(prediction.result);
  result.times.queue = outcome.queue;
  result.times.engine = outcome.engine;
  result.documents = EmbeddingSink::Documents(prediction.sink);
  return result;
}

class TextEmbedding final : public Servable {
 public:
  TextEmbedding(std::shared_ptr<EmbeddingModel> model, LoadSpec spec, PredictEnvironment environment)
      : model_(std::move(model)), spec_(std::move(spec)), environment_(environment) {}

  const LoadSpec& spec() const override { return spec_; }
  const ServableInfo& info() const override { return model_->info; }
  void Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) override;

 private:
  Result<TokenBatch> Tokenize(Prediction& prediction) const;
  Status TokenizeSlice(std::span<const std::string_view> texts, Prediction& prediction, TokenBatch& batch) const;
  // Tokenizes and hands on to the lanes; the rest of the prediction happens there.
  void Run(const PredictionPtr& prediction) const;
  Status Submit(const PredictionPtr& prediction) const;
  Status StillWanted(const PredictRequest& request) const;

  const std::shared_ptr<EmbeddingModel> model_;
  const LoadSpec spec_;
  const PredictEnvironment environment_;
};

Status TextEmbedding::StillWanted(const PredictRequest& request) const {
  if (model_->withdrawn->load()) return MakeError(Code::kUnavailable, std::string(kModelWithdrawn));
  if (request.cancelled && request.cancelled->load()) {
    return MakeError(Code::kCancelled, "The prediction was cancelled.");
  }
  if (request.deadline.Expired(environment_.clock)) {
    return MakeError(Code::kDeadlineExceeded, "The prediction's time ran out before it was computed.");
  }
  return {};
}

void TextEmbedding::Predict(PredictRequest request, std::shared_ptr<Servable> self, PredictDone done) {
  if (request.texts.empty()) return done(MakeError(Code::kInvalidArgument, "Empty text docs"));
  if (request.texts.size() > kMaxTexts) {
    return done(MakeError(Code::kTooLarge, fmt::format("The request has {} texts; the limit is {}. Send fewer texts.",
                                                       request.texts.size(), kMaxTexts)));
  }
  const auto prefix = ChoosePrefix(spec_.config, request);
  if (!prefix) return done(prefix.error());
  model_->last_used.store(environment_.clock.Now(), std::memory_order_relaxed);
  auto prediction = std::make_shared<Prediction>();
  prediction->self = std::move(self);
  prediction->prefix = *prefix;
  prediction->request = std::move(request);
  prediction->done = std::move(done);
  if (!IsLarge(prediction->request.texts)) return Run(prediction);
  if (environment_.cpu.Post([this, prediction] { Run(prediction); })) return;
  Error busy = MakeError(Code::kResourceExhausted, "Too many requests wait to be tokenized.");
  busy.retry_after = std::chrono::seconds(1);
  prediction->Answer(std::move(busy));
}

Status TextEmbedding::TokenizeSlice(std::span<const std::string_view> texts, Prediction& prediction,
                                    TokenBatch& batch) const {
  RETURN_IF_ERROR(StillWanted(prediction.request));
  std::vector<std::string> prefixed;
  std::vector<std::string_view> cut;
  cut.reserve(texts.size());
  for (const std::string_view text : texts) cut.push_back(TruncateUtf8(text, kMaxTextBytes));
  if (prediction.prefix != nullptr) {
    prefixed.reserve(texts.size());
    for (std::string_view& text : cut) text = prefixed.emplace_back(*prediction.prefix + std::string(text));
  }
  ASSIGN_OR_RETURN(const text::EncodeStats stats, model_->tokenizer->Encode(cut, model_->max_tokens, batch));
  prediction.result.tokens += stats.tokens;
  prediction.result.truncated += stats.truncated;
  return environment_.queue.CheckFits(batch.tokens());
}

Result<TokenBatch> TextEmbedding::Tokenize(Prediction& prediction) const {
  const SteadyTime begin = environment_.clock.Now();
  const std::vector<std::string_view> texts = std::move(prediction.request.texts);
  TokenBatch batch;
  for (std::size_t first = 0; first < texts.size(); first += kTextsAtOnce) {
    const auto slice = std::span(texts).subspan(first, std::min(kTextsAtOnce, texts.size() - first));
    if (Status done = TokenizeSlice(slice, prediction, batch); !done) {
      const bool text_named = first > 0 && done.error().code == Code::kInvalidArgument;
      if (!text_named) return std::move(done).error();
      return Annotate(std::move(done).error(), fmt::format("counted from text {} on", first));
    }
  }
  prediction.request.owner.reset();  // the texts are not read any more
  prediction.result.times.tokenize = environment_.clock.Now() - begin;
  return batch;
}

void TextEmbedding::Run(const PredictionPtr& prediction) const {
  Status submitted = StopExceptions("The prediction", [&] { return Submit(prediction); });
  if (!submitted) prediction->Answer(std::move(submitted).error());
}

Status TextEmbedding::Submit(const PredictionPtr& prediction) const {
  ASSIGN_OR_RETURN(TokenBatch batch, Tokenize(*prediction));
  auto sink = std::make_shared<EmbeddingSink>(spec_.config, model_->output, batch);
  prediction->sink = sink;
  const Urgency urgency = UrgencyOf(prediction->request.urgency, batch.sequences());
  BatchJob job{.model = {model_, model_->engine.get()},
               .name = spec_.model.str(),
               .batch = std::move(batch),
               .wanted = {model_->output.index},
               .consume = [sink](std::size_t i,
                                 const std::vector<TensorView>& outputs) { return sink->Take(i, outputs.front()); },
               .urgency = urgency,
               .one_by_one = !model_->info.batched,
               .deadline = prediction->request.deadline,
               .cancelled = prediction->request.cancelled,
               .withdrawn = model_->withdrawn};
  environment_.queue.Submit(std::move(job), [this, prediction](Result<BatchOutcome> outcome) {
    model_->last_used.store(environment_.clock.Now(), std::memory_order_relaxed);
    if (!outcome) return prediction->Answer(std::move(outcome).error());
    prediction->Answer(StopExceptions("The prediction", [&] { return Gather(*prediction, *outcome); }));
  });
  return {};
}

}  // namespace

std::shared_ptr<Servable> MakeTextEmbedding(std::shared_ptr<EmbeddingModel> model, LoadSpec spec,
                                            PredictEnvironment environment) {
  return std::make_shared<TextEmbedding>(std::move(model), std::move(spec), environment);
}

}  // namespace mlnode::serving
