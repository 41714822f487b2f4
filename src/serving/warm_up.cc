#include "serving/warm_up.h"

#include <iterator>
#include <utility>
#include <vector>

#include "core/batch/token_batch.h"

namespace mlnode::serving {
namespace {

struct Probe {
  PredictRequest request;
  Encoding encoding;
  std::vector<std::vector<TensorView>> answers = {};  // of each sequence
};

Result<std::vector<Probe>> EncodeProbes(const Pipeline& pipeline) {
  std::vector<Probe> probes;
  for (PredictRequest& request : pipeline.Probes()) {
    Encoding encoding;
    RETURN_IF_ERROR(pipeline.Encode(request, request.texts, encoding));
    probes.push_back({.request = std::move(request), .encoding = std::move(encoding)});
  }
  return probes;
}

TokenBatch OneSequence(const TokenBatch& batch, std::size_t i) {
  TokenBatch one;
  AppendSequences(batch, i, i + 1, one);
  return one;
}

Result<std::vector<std::vector<TensorView>>> Run(engines::LoadedModel& engine, const TokenBatch& batch,
                                                 const std::vector<int>& outputs) {
  ASSIGN_OR_RETURN(engines::BatchResult result, engine.Run(batch, outputs));
  bool complete = result.per_sequence.size() == batch.sequences();
  for (const auto& answer : result.per_sequence) complete = complete && answer.size() == outputs.size();
  if (complete) return std::move(result.per_sequence);
  return MakeError(Code::kInternal, "The engine did not answer every wanted output of every sequence.");
}

Status RunAlone(engines::LoadedModel& engine, Pipeline& pipeline, const StillWanted& wanted, Probe& probe) {
  const std::vector<int> outputs = pipeline.Wanted(probe.request);
  for (std::size_t i = 0; i < probe.encoding.batch.sequences(); ++i) {
    RETURN_IF_ERROR(wanted());
    const TokenBatch one = OneSequence(probe.encoding.batch, i);
    ASSIGN_OR_RETURN(auto answers, Run(engine, one, outputs));
    RETURN_IF_ERROR(pipeline.Inspect(one.tokens(), answers.front()));
    probe.answers.push_back(std::move(answers.front()));
  }
  return {};
}

// As predictions answer them.
Result<Documents> Answer(const Pipeline& pipeline, std::vector<Probe> probes) {
  Documents documents;
  for (Probe& probe : probes) {
    const std::shared_ptr<AnswerSink> sink = pipeline.MakeSink(probe.request, probe.encoding);
    for (std::size_t i = 0; i < probe.answers.size(); ++i) RETURN_IF_ERROR(sink->Take(i, probe.answers[i]));
    Documents of_probe = sink->Finish();
    documents.insert(documents.end(), std::make_move_iterator(of_probe.begin()),
                     std::make_move_iterator(of_probe.end()));
  }
  return documents;
}

TokenBatch JoinBatches(const std::vector<Probe>& probes) {
  Encoding all;
  for (const Probe& probe : probes) {
    Encoding one;
    one.batch = probe.encoding.batch;
    Append(std::move(one), all);
  }
  return std::move(all.batch);
}

}  // namespace

Result<Documents> RunProbesAlone(engines::LoadedModel& engine, Pipeline& pipeline, const StillWanted& wanted) {
  ASSIGN_OR_RETURN(std::vector<Probe> probes, EncodeProbes(pipeline));
  for (Probe& probe : probes) RETURN_IF_ERROR(RunAlone(engine, pipeline, wanted, probe));
  return Answer(pipeline, std::move(probes));
}

Result<Documents> RunProbesTogether(engines::LoadedModel& engine, const Pipeline& pipeline, const StillWanted& wanted) {
  ASSIGN_OR_RETURN(std::vector<Probe> probes, EncodeProbes(pipeline));
  RETURN_IF_ERROR(wanted());
  ASSIGN_OR_RETURN(auto answers, Run(engine, JoinBatches(probes), pipeline.Wanted(probes.front().request)));
  auto next = std::make_move_iterator(answers.begin());
  for (Probe& probe : probes) {
    const auto end = next + static_cast<std::ptrdiff_t>(probe.encoding.batch.sequences());
    probe.answers.assign(next, end);
    next = end;
  }
  return Answer(pipeline, std::move(probes));
}

Result<Agreement> WarmUp(engines::LoadedModel* engine, Pipeline& pipeline, const StillWanted& wanted) {
  if (engine == nullptr) {
    const auto probes = EncodeProbes(pipeline);
    return probes ? Result<Agreement>(Agreement()) : Result<Agreement>(probes.error());
  }
  ASSIGN_OR_RETURN(const Documents alone, RunProbesAlone(*engine, pipeline, wanted));
  RETURN_IF_ERROR(wanted());
  const auto together = RunProbesTogether(*engine, pipeline, wanted);
  RETURN_IF_ERROR(wanted());
  if (!together) return Agreement{.least = 0, .same = false, .within = false};
  return pipeline.Compare(alone, *together);
}

}  // namespace mlnode::serving
