// serving/testing/function_fixture.h: one model of any function on a scripted graph, from its archive to its answers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serving/pipeline.h"
#include "serving/testing/scripted_engine.h"
#include "serving/testing/serving_fixture.h"

namespace mlnode::serving::testing {

class FunctionFixture : public ServingFixture {
 protected:
  // An archive with a model file of the format (none for SPARSE_TOKENIZE), the test tokenizer and `more` files.
  LoadSpec Store(models::FunctionName function, engines::ModelFormat format,
                 std::vector<std::pair<std::string, std::string>> more = {});
  // Loads and warms up; what serves it is kept for Ask.
  Status Serve(const LoadSpec& spec, ScriptedGraph graph);
  // To the end.
  Result<PredictResult> Ask(std::vector<std::string> texts, PredictRequest request = {});
  // The answer's documents; a failure of the test when there are none.
  Documents Answer(std::vector<std::string> texts, PredictRequest request = {});
  static PredictRequest WithPair(std::string_view pair);  // `pair` outlives the request

  std::unique_ptr<ScriptedEngine> scripted_;
  std::shared_ptr<Servable> servable_;
};

}  // namespace mlnode::serving::testing
