// A plug-in in the C ABI for plugin_engine_test: no library behind it. TEST_PLUGIN_ABI sets the version that it claims,
// TEST_PLUGIN_NAME its name. Its model has one output [tokens, 1] that repeats the ids as floats, each with the sum of
// the token's features added; model paths that begin with "fail-" fail with that number, "quantized" is what it says.
// It says the load options in its name: "test 1: input_ids,mask, rule 0".
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engines/engine_abi.h"

struct MlnodeModel {
  MlnodePort input;
  MlnodePort output;
  MlnodeModelInfo info;
  std::string engine;
};

struct MlnodeResult {
  std::vector<float> values;
  std::vector<std::size_t> offsets;
};

namespace {

void Write(MlnodeError* error, const std::string& text) {
  const std::size_t size = std::min(text.size(), error->cap - 1);
  std::memcpy(error->text, text.data(), size);
  error->text[size] = '\0';
}

std::int32_t Load(const MlnodeLoadOptions* options, MlnodeModel** model, MlnodeError* error) {
  const std::string path = options->model_path;
  if (path.starts_with("fail-")) {
    Write(error, "vendor text");
    return std::atoi(path.c_str() + 5);
  }
  auto* made = new MlnodeModel{.input = {.name = "input_ids", .type = 2, .rank = 2, .dims = {-1, -1}},
                               .output = {.name = "echo", .type = 0, .rank = 3, .dims = {-1, -1, 1}},
                               .info = {},
                               .engine = "test 1: "};
  for (std::size_t i = 0; i < options->input_count; ++i) made->engine += std::string(options->inputs[i]) + ",";
  made->engine += " rule " + std::to_string(options->output_rule);
  made->info = {.inputs = &made->input,
                .input_count = 1,
                .outputs = &made->output,
                .output_count = 1,
                .precision = path == "quantized" ? "quantized" : (options->precision == 1 ? "bf16" : "f32"),
                .engine = made->engine.c_str()};
  *model = made;
  return 0;
}

const MlnodeModelInfo* Info(const MlnodeModel* model) { return &model->info; }

std::int32_t Run(MlnodeModel*, const MlnodeBatch* batch, const std::int32_t*, std::size_t, MlnodeResult** result,
                 MlnodeError* error) {
  constexpr std::int64_t kPoison = 666;
  const std::size_t tokens = batch->offsets[batch->sequences];
  if (std::find(batch->ids, batch->ids + tokens, kPoison) != batch->ids + tokens) {
    Write(error, "no memory");
    return 9;  // kResourceExhausted + 1
  }
  *result = new MlnodeResult{.values = {batch->ids, batch->ids + tokens},
                             .offsets = {batch->offsets, batch->offsets + batch->sequences + 1}};
  for (std::size_t f = 0; f < batch->feature_count; ++f) {
    for (std::size_t t = 0; t < tokens; ++t) {
      (*result)->values[t] += static_cast<float>(batch->features[f].values[t]);
    }
  }
  return 0;
}

void Tensor(const MlnodeResult* result, std::size_t s, std::size_t, MlnodeTensor* tensor) {
  *tensor = {.type = 0,
             .rank = 2,
             .dims = {static_cast<std::int64_t>(result->offsets[s + 1] - result->offsets[s]), 1},
             .data = result->values.data() + result->offsets[s]};
}

void FreeResult(MlnodeResult* result) { delete result; }
void FreeModel(MlnodeModel* model) { delete model; }

constexpr MlnodeEngineApi kApi = {.abi = TEST_PLUGIN_ABI,
                                  .name = TEST_PLUGIN_NAME,
                                  .load = Load,
                                  .info = Info,
                                  .run = Run,
                                  .tensor = Tensor,
                                  .free_result = FreeResult,
                                  .free_model = FreeModel};

}  // namespace

extern "C" __attribute__((visibility("default"))) const MlnodeEngineApi* mlnode_engine(void) { return &kApi; }
