// bench/instructions.cc: the work of one prediction outside of the engine, stage by stage, for valgrind to count:
// bench/instructions.py runs it under callgrind. Each stage runs once uncounted, so that caches and pools are filled,
// then kRepeats times; a dump named after the stage is written behind it. Without valgrind it only checks that the
// stages work. Every input is fixed. Prints the documents that each stage's count stands for.
#include <valgrind/callgrind.h>

#include <array>
#include <functional>
#include <iostream>
#include <limits>

#include "core/files.h"
#include "core/json.h"
#include "core/testing/manual_executor.h"
#include "rest/predict_request.h"
#include "rest/predict_writer.h"
#include "serving/scheduler.h"
#include "text/tokenizer.h"

namespace mlnode::bench {
namespace {

constexpr int kRepeats = 10;
constexpr std::size_t kDocuments = 8;  // of a request
constexpr std::size_t kRequests = 16;  // that wait at a time
constexpr std::size_t kDim = 384;      // of an embedding, as all-MiniLM-L6-v2's
constexpr std::size_t kMaxTokens = 128;

// `kRequests * kDocuments` texts of 4 to 67 words, most of them short, of the words that the tests' tokenizer knows and
// some that it must take apart.
std::vector<std::string> Texts() {
  constexpr std::array<std::string_view, 12> kWords = {"the", "cats", "sat",     "on", "a",   "mat,",
                                                       "and", "Dogs", "running", "by", "cab", "unknowable!"};
  mlnode::testing::SeededRandom random(1);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < kRequests * kDocuments; ++i) {
    const std::uint64_t words = 4 + random.Below(i % 8 == 0 ? 64 : 24);
    std::string& text = texts.emplace_back();
    for (std::uint64_t w = 0; w < words; ++w) {
      if (w > 0) text += ' ';
      text += kWords[random.Below(kWords.size())];
    }
  }
  return texts;
}

// An engine that answers with one vector for all; its own work is not counted.
class FixedModel final : public engines::LoadedModel {
 public:
  FixedModel() {
    outputs_ = {{.name = "sentence_embedding", .type = DataType::kFloat32, .dims = {-1, kDim}}};
    std::vector<float> values(kDim);
    mlnode::testing::SeededRandom random(2);
    for (float& value : values) value = static_cast<float>(random.Below(1U << 24U)) / (1U << 24U) - 0.5F;
    answer_ = MakeFloatTensor(std::move(values), {kDim});
  }
  const std::vector<engines::Port>& inputs() const override { return inputs_; }
  const std::vector<engines::Port>& outputs() const override { return outputs_; }
  std::string engine() const override { return "fixed 1"; }
  engines::Precision precision() const override { return engines::Precision::kF32; }
  Result<engines::BatchResult> Run(const TokenBatch& batch, const std::vector<int>& /*wanted*/) override {
    CALLGRIND_TOGGLE_COLLECT;
    engines::BatchResult result;
    result.per_sequence.assign(batch.sequences(), {answer_});
    CALLGRIND_TOGGLE_COLLECT;
    return result;
  }
  const TensorView& answer() const { return answer_; }

 private:
  std::vector<engines::Port> inputs_, outputs_;
  TensorView answer_;
};

[[noreturn]] void Die(std::string_view stage, const Error& error) {
  std::cerr << "bench_instructions: " << stage << ": " << error.message << "\n";
  std::exit(1);
}

// A request's bodies, texts, tokens and answer, each made by the code that the node uses.
class Stages {
 public:
  explicit Stages(const std::string& tokenizer_file) : texts_(Texts()) {
    const Result<std::string> content = ReadFile(tokenizer_file, std::numeric_limits<std::uint64_t>::max());
    if (!content) Die("tokenizer", content.error());
    auto loaded = text::Tokenizer::Load(*content);
    if (!loaded) Die("tokenizer", loaded.error());
    tokenizer_ = std::move(*loaded);
    for (std::size_t r = 0; r < kRequests; ++r) {
      json::array docs(texts_.begin() + static_cast<std::ptrdiff_t>(r * kDocuments),
                       texts_.begin() + static_cast<std::ptrdiff_t>((r + 1) * kDocuments));
      bodies_.push_back(ToJson(json::object{{"text_docs", docs}, {"target_response", {"sentence_embedding"}}}));
      batches_.push_back(Encode(r));
    }
    const serving::NamedTensor tensor{.name = "sentence_embedding", .tensor = model_->answer()};
    result_.documents.assign(kDocuments, {tensor});
  }

  void Parse() {
    for (const std::string& body : bodies_) {
      const auto parsed = rest::ParsePredictBody(rest::BodyFamily::kTextDocs, body);
      if (!parsed) Die("parse", parsed.error());
      filter_ = parsed->filter;
    }
  }

  void Tokenize() {
    for (std::size_t r = 0; r < kRequests; ++r) Encode(r);
  }

  // Two lanes and a queue of kRequests requests that came before the first lane was free.
  void Schedule() {
    std::size_t answered = 0, consumed = 0;
    for (const TokenBatch& batch : batches_) {
      serving::BatchJob job;
      job.model = model_;
      job.batch = batch;
      job.wanted = {0};
      job.consume = [&consumed](std::size_t, const std::vector<TensorView>&) {
        ++consumed;
        return Status();
      };
      scheduler_->Submit(std::move(job), [&answered](const Result<serving::BatchOutcome>& outcome) {
        if (!outcome) Die("schedule", outcome.error());
        ++answered;
      });
    }
    executor_.RunUntilIdle();
    if (answered != kRequests || consumed != kRequests * kDocuments)
      Die("schedule", MakeError(Code::kInternal, "not every document was computed"));
  }

  void Write() {
    for (std::size_t r = 0; r < kRequests; ++r) {
      const Result<std::string> reply = rest::WritePredictReply(result_, filter_);
      if (!reply) Die("write", reply.error());
      if (reply->size() < kDocuments * kDim) Die("write", MakeError(Code::kInternal, "the reply is too short"));
    }
  }

 private:
  TokenBatch Encode(std::size_t request) const {
    const std::vector<std::string_view> texts(texts_.begin() + static_cast<std::ptrdiff_t>(request * kDocuments),
                                              texts_.begin() + static_cast<std::ptrdiff_t>((request + 1) * kDocuments));
    TokenBatch batch;
    const auto encoded = tokenizer_->Encode(texts, kMaxTokens, batch);
    if (!encoded) Die("tokenize", encoded.error());
    return batch;
  }

  const std::vector<std::string> texts_;
  std::vector<std::string> bodies_;
  std::vector<TokenBatch> batches_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  const std::shared_ptr<FixedModel> model_ = std::make_shared<FixedModel>();
  serving::PredictResult result_;
  rest::ResultFilter filter_;
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  Metrics metrics_;
  const std::unique_ptr<serving::Scheduler> scheduler_ =
      serving::Scheduler::Create({.lanes = 2}, executor_, executor_, clock_, metrics_);
};

void Count(const char* name, const std::function<void()>& stage) {
  stage();
  CALLGRIND_ZERO_STATS;
  CALLGRIND_TOGGLE_COLLECT;
  for (int i = 0; i < kRepeats; ++i) stage();
  CALLGRIND_TOGGLE_COLLECT;
  CALLGRIND_DUMP_STATS_AT(name);
  std::cout << name << " " << kRepeats * kRequests * kDocuments << "\n";
}

}  // namespace
}  // namespace mlnode::bench

// An exception ends a benchmark, as it should. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: bench_instructions TOKENIZER_JSON\n";
    return 2;
  }
  mlnode::bench::Stages stages(argv[1]);
  mlnode::bench::Count("parse", [&] { stages.Parse(); });
  mlnode::bench::Count("tokenize", [&] { stages.Tokenize(); });
  mlnode::bench::Count("schedule", [&] { stages.Schedule(); });
  mlnode::bench::Count("write", [&] { stages.Write(); });
  return 0;
}
