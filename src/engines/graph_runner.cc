#include "engines/graph_runner.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <string>
#include <utility>

#include "engines/graph_inputs.h"

namespace mlnode::engines {
namespace {

constexpr std::size_t kMaxRank = 8;  // MlnodePort::dims

bool BeginsWithRows(const std::vector<std::int64_t>& shape, std::size_t rows) {
  return !shape.empty() && shape[0] == static_cast<std::int64_t>(rows);
}

bool AllBeginWithRows(const std::vector<std::vector<std::int64_t>>& shapes, std::size_t rows) {
  return std::ranges::all_of(shapes, [&](const auto& shape) { return BeginsWithRows(shape, rows); });
}

// A batch of equal sequences of token 0, with all that the slots ask for.
class ProbeBatch {
 public:
  ProbeBatch(const std::vector<InputSlot>& slots, std::size_t rows, std::size_t length) : zeros_(rows * length, 0) {
    for (std::size_t row = 0; row <= rows; ++row) offsets_.push_back(row * length);
    for (const InputSlot& slot : slots) {
      if (slot.kind != InputKind::kFeature) continue;
      features_.push_back({.name = slot.name.c_str(), .values = zeros_.data(), .padding = 0});
    }
  }
  MlnodeBatch View() const {
    return {.ids = zeros_.data(),
            .type_ids = nullptr,
            .offsets = offsets_.data(),
            .sequences = offsets_.size() - 1,
            .features = features_.data(),
            .feature_count = features_.size()};
  }

 private:
  std::vector<std::int64_t> zeros_;
  std::vector<std::size_t> offsets_;
  std::vector<MlnodeFeature> features_;
};

std::vector<std::int32_t> AllOf(const std::vector<OutputSlot>& outputs) {
  std::vector<std::int32_t> all(outputs.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

GraphRunner::GraphRunner(std::unique_ptr<Graph> graph, const LoadOptions& options)
    : graph_(std::move(graph)), rule_(options.output_rule), limits_(graph_->limits()), outputs_(graph_->outputs()) {
  limits_.max_length = static_cast<std::size_t>(options.max_tokens);
  const std::int64_t length = graph_->inputs().front().length;
  if (length > 0) limits_.fixed_length = static_cast<std::size_t>(length);
}

Result<std::unique_ptr<GraphRunner>> GraphRunner::Make(std::unique_ptr<Graph> graph, const LoadOptions& options) {
  RETURN_IF_ERROR(CheckInputSlots(graph->inputs()));
  std::unique_ptr<GraphRunner> runner(new GraphRunner(std::move(graph), options));
  RETURN_IF_ERROR(runner->Probe());
  return runner;
}

Status GraphRunner::Probe() {
  constexpr std::size_t kProbeTokens = 16;
  const std::size_t fixed = limits_.fixed_length;
  const std::size_t longer = fixed != 0 ? fixed : std::min(kProbeTokens, limits_.max_length);
  const std::size_t shorter = fixed != 0 ? fixed : (longer + 1) / 2;
  const bool whole = rule_ == OutputRule::kWhole;
  if (whole) limits_.length_step = 1;  // nothing is cut off, so nothing may be put on
  Shapes at_longer;
  const bool may_take_rows = !whole && limits_.max_rows != 1 && graph_->inputs().front().batch != 1;
  if (!may_take_rows || !TakesTwoRows(longer, at_longer)) {
    limits_.max_rows = 1;
    ASSIGN_OR_RETURN(at_longer, Try(1, longer));
  }
  ASSIGN_OR_RETURN(const Shapes at_shorter, Try(1, shorter));
  if (!whole && (!AllBeginWithRows(at_longer, limits_.max_rows == 1 ? 1 : 2) || !AllBeginWithRows(at_shorter, 1))) {
    return MakeError(Code::kInvalidArgument, "the first axis of an output of the model is not the batch");
  }
  Describe(at_longer, at_shorter, longer, shorter);
  for (const OutputSlot& slot : outputs_) {
    if (slot.dims.size() > kMaxRank) {
      return MakeError(Code::kUnimplemented, "model output " + slot.name + " has over 8 axes");
    }
  }
  return {};
}

Result<GraphRunner::Shapes> GraphRunner::Try(std::size_t rows, std::size_t length) {
  const ProbeBatch probe(graph_->inputs(), rows, length);
  Rectangle rectangle{.sequences = std::vector<std::size_t>(rows), .length = length};
  std::iota(rectangle.sequences.begin(), rectangle.sequences.end(), std::size_t{0});
  const FilledInputs inputs(graph_->inputs(), probe.View(), rectangle);
  Shapes shapes;
  RETURN_IF_ERROR(graph_->Compute(inputs.tensors(), AllOf(outputs_), [&](std::span<const OutputTensor> tensors) {
    for (const OutputTensor& tensor : tensors) shapes.push_back(tensor.shape);
    return Status();
  }));
  return shapes;
}

bool GraphRunner::TakesTwoRows(std::size_t length, Shapes& shapes) {
  try {
    auto tried = Try(2, length);
    if (!tried || !AllBeginWithRows(*tried, 2)) return false;
    shapes = *std::move(tried);
    return true;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {  // the vendor's word for a batch of 1 that is baked into the graph's body
    return false;
  }
}

void GraphRunner::Describe(const Shapes& at_longer, const Shapes& at_shorter, std::size_t longer, std::size_t shorter) {
  const auto is = [](std::int64_t dim, std::size_t length) { return dim == static_cast<std::int64_t>(length); };
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const std::vector<std::int64_t>& at = at_longer[i];
    if (outputs_[i].dims.empty()) {  // not declared: what differs between the two runs is dynamic
      outputs_[i].dims.assign(at.size(), -1);
      for (std::size_t d = 1; d < at.size() && rule_ == OutputRule::kRows; ++d) {
        if (d < at_shorter[i].size() && at[d] == at_shorter[i][d]) outputs_[i].dims[d] = at[d];
      }
    }
    if (rule_ == OutputRule::kWhole || at.size() < 2 || at_shorter[i].size() < 2) continue;
    const bool follows = is(at[1], longer) && is(at_shorter[i][1], shorter);
    // With one possible length nothing can follow it; then only a matrix a row is taken for one vector a token.
    outputs_[i].per_token = follows && (shorter != longer || at.size() >= 3);
  }
}

Result<std::unique_ptr<RunResult>> GraphRunner::Run(const MlnodeBatch& batch, std::span<const std::int32_t> wanted) {
  RETURN_IF_ERROR(CheckBatchFits(graph_->inputs(), batch));
  auto result = std::make_unique<RunResult>(batch.sequences, wanted.size());
  for (const Rectangle& rectangle : PlanRectangles({batch.offsets, batch.sequences + 1}, limits_)) {
    RETURN_IF_ERROR(RunRectangle(batch, rectangle, wanted, *result));
  }
  return result;
}

Status GraphRunner::RunRectangle(const MlnodeBatch& batch, const Rectangle& rectangle,
                                 std::span<const std::int32_t> wanted, RunResult& result) {
  const FilledInputs inputs(graph_->inputs(), batch, rectangle);
  return graph_->Compute(inputs.tensors(), wanted, [&](std::span<const OutputTensor> tensors) -> Status {
    for (std::size_t o = 0; o < wanted.size(); ++o) {
      const OutputSlot& slot = outputs_[static_cast<std::size_t>(wanted[o])];
      RETURN_IF_ERROR(Take(batch, rectangle, slot, tensors[o], o, result));
    }
    return {};
  });
}

Status GraphRunner::Take(const MlnodeBatch& batch, const Rectangle& rectangle, const OutputSlot& slot,
                         const OutputTensor& tensor, std::size_t output, RunResult& result) const {
  const auto unexpected = [&] {
    return MakeError(Code::kInternal, "output " + slot.name + " has an unexpected shape or type");
  };
  if (tensor.type != slot.type || tensor.shape.size() > kMaxRank) return unexpected();
  if (rule_ == OutputRule::kWhole) {
    result.CopyWhole(tensor, rectangle.sequences.front(), output);
    return {};
  }
  const auto length = static_cast<std::int64_t>(rectangle.length);
  if (!BeginsWithRows(tensor.shape, rectangle.sequences.size())) return unexpected();
  if (slot.per_token && (tensor.shape.size() < 2 || tensor.shape[1] != length)) return unexpected();
  result.CopyRows(tensor, batch, rectangle, {.output = output, .per_token = slot.per_token});
  return {};
}

}  // namespace mlnode::engines
