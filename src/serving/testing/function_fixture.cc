#include "serving/testing/function_fixture.h"

#include <optional>
#include <utility>

#include "serving/loader.h"
#include "serving/pipeline_servable.h"

namespace mlnode::serving::testing {

LoadSpec FunctionFixture::Store(models::FunctionName function, engines::ModelFormat format,
                                std::vector<std::pair<std::string, std::string>> more) {
  std::vector<std::pair<std::string, std::string>> files = {{"tokenizer.json", TestTokenizer()}};
  const bool onnx = format == engines::ModelFormat::kOnnx;
  if (models::TraitsOf(function).needs_model_file) files.emplace_back(onnx ? "model.onnx" : "model.pt", "weights");
  for (auto& file : more) files.push_back(std::move(file));
  LoadSpec spec = StoreArchive(store_, "m", ZipOf(files));
  spec.function = function;
  spec.format = format;
  return spec;
}

Status FunctionFixture::Serve(const LoadSpec& spec, ScriptedGraph graph) {
  servable_.reset();
  scripted_ = std::make_unique<ScriptedEngine>(std::move(graph));
  const std::function<std::uint64_t()> memory = [] { return 0; };
  MeasuredSizes measured;
  SharedEngines shared;
  const LoaderEnvironment environment{.cache = *cache_,
                                      .engines = *scripted_,
                                      .budget = *budget_,
                                      .queue = *queue_,
                                      .clock = clock_,
                                      .lanes = 2,
                                      .acceleration = {},
                                      .memory_used = memory,
                                      .measured = measured,
                                      .shared = shared};
  auto model = LoadModel(environment, spec, [](Phase, std::uint64_t, std::uint64_t) { return Status(); });
  if (!model) return std::move(model).error();
  servable_ = MakePipelineServable(*std::move(model), spec,
                                   {.queue = *queue_, .cpu = executor_, .clock = clock_, .tokenizers = 2});
  return {};
}

Result<PredictResult> FunctionFixture::Ask(std::vector<std::string> texts, PredictRequest request) {
  const auto owner = std::make_shared<const std::vector<std::string>>(std::move(texts));
  request.texts.assign(owner->begin(), owner->end());
  request.owner = owner;
  std::optional<Result<PredictResult>> answer;
  servable_->Predict(std::move(request), servable_,
                     [&answer](Result<PredictResult> result) { answer = std::move(result); });
  executor_.RunUntilIdle();
  return answer ? *std::move(answer) : MakeError(Code::kInternal, "no answer came");
}

Documents FunctionFixture::Answer(std::vector<std::string> texts, PredictRequest request) {
  auto result = Ask(std::move(texts), std::move(request));
  if (result) return std::move(result->documents);
  ADD_FAILURE() << result.error().message;
  return {};
}

PredictRequest FunctionFixture::WithPair(std::string_view pair) {
  PredictRequest request;
  request.pair = pair;
  return request;
}

}  // namespace mlnode::serving::testing
