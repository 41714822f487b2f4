// The C ABI of the OpenVINO plug-in: every exception ends here, every text of the vendor becomes one readable line.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <new>
#include <openvino/core/version.hpp>
#include <openvino/runtime/core.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "engines/engine_abi.h"
#include "engines/openvino/openvino_model.h"

using mlnode::Code;
using mlnode::MakeError;
using mlnode::Result;
using mlnode::engines::openvino::InputSlot;
using mlnode::engines::openvino::OpenVinoModel;
using mlnode::engines::openvino::OutputSlot;
using mlnode::engines::openvino::RunResult;

struct MlnodeModel {
  std::unique_ptr<OpenVinoModel> model;
  std::vector<MlnodePort> inputs;
  std::vector<MlnodePort> outputs;
  std::string engine;
  MlnodeModelInfo info{};
};

struct MlnodeResult {
  std::unique_ptr<RunResult> result;
};

namespace {

// One core for the process: it owns the CPU plug-in and its threads, and is safe to use from any thread.
ov::Core& SharedCore() {
  static ov::Core core;
  return core;
}

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Exceptions of OpenVINO carry the source lines that threw them and the model's path; a caller needs neither.
std::string VendorText(const std::string& what, const std::string& model_path) {
  constexpr std::size_t kLongest = 500;
  std::istringstream lines(what);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line.compare(begin, 15, "Exception from ") == 0) continue;
    text += (text.empty() ? "" : " ") + line.substr(begin);
  }
  if (!model_path.empty()) ReplaceAll(text, model_path, "the model file");
  if (text.size() > kLongest) text.resize(kLongest);
  return text;
}

// Allocates nothing: it also tells that there is no memory.
std::int32_t Report(Code code, std::string_view text, MlnodeError* out) noexcept {
  const std::size_t size = std::min(text.size(), out->cap - 1);
  std::memcpy(out->text, text.data(), size);
  out->text[size] = '\0';
  return static_cast<std::int32_t>(code) + 1;
}

bool SaysUnsupported(const std::string& text) {
  return text.find("OpConversion") != std::string::npos || text.find("not supported") != std::string::npos ||
         text.find("nsupported") != std::string::npos;
}

// Reports the exception being handled. What its text needs may fail as well: then the text goes without.
std::int32_t ReportException(MlnodeError* error, const char* model_path, Code otherwise) noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Report(Code::kResourceExhausted, "no memory for the model's computation", error);
  } catch (const std::exception& failure) {
    try {
      const std::string text = VendorText(failure.what(), model_path);
      return Report(SaysUnsupported(text) ? Code::kUnimplemented : otherwise, text, error);
    } catch (...) {
      return Report(otherwise, "OpenVINO failed, and there is no memory to say why", error);
    }
  } catch (...) {
    return Report(Code::kInternal, "OpenVINO threw something that is no exception", error);
  }
}

// Runs `body`, which returns a Status; `otherwise` is the code of a vendor exception that says nothing better. Nothing
// gets past it: an exception that crossed the C ABI would end the process.
template <class Body>
std::int32_t Barrier(MlnodeError* error, const char* model_path, Code otherwise, Body body) noexcept {
  try {
    const mlnode::Status status = body();
    return status ? 0 : Report(status.error().code, status.error().message, error);
  } catch (...) {
    return ReportException(error, model_path, otherwise);
  }
}

MlnodePort ToPort(const std::string& name, mlnode::DataType type, const std::vector<std::int64_t>& dims) {
  MlnodePort port{.name = name.c_str(), .type = static_cast<std::int32_t>(type), .rank = 0, .dims = {}};
  port.rank = static_cast<std::int32_t>(dims.size());
  std::ranges::copy(dims, port.dims);
  return port;
}

std::string EngineName() {
  const std::string build = ov::get_openvino_version().buildNumber;  // "2026.4.1-22982-..."
  return "openvino " + build.substr(0, build.find('-'));
}

void FillInfo(MlnodeModel& model) {
  for (const InputSlot& slot : model.model->inputs()) {
    const auto type = slot.type == ov::element::i64 ? mlnode::DataType::kInt64 : mlnode::DataType::kInt32;
    model.inputs.push_back(ToPort(slot.name, type, {slot.batch, slot.length}));
  }
  for (const OutputSlot& slot : model.model->outputs()) {
    model.outputs.push_back(ToPort(slot.name, slot.type, slot.dims));
  }
  model.engine = EngineName();
  model.info = {.inputs = model.inputs.data(),
                .input_count = model.inputs.size(),
                .outputs = model.outputs.data(),
                .output_count = model.outputs.size(),
                .precision = model.model->precision().c_str(),
                .engine = model.engine.c_str()};
}

mlnode::Status CheckOptions(const MlnodeLoadOptions& options) {
  if (options.lanes < 1) return MakeError(Code::kInvalidArgument, "lanes must be at least 1");
  if (options.max_tokens < 2) return MakeError(Code::kInvalidArgument, "max_tokens must be at least 2");
  if (!std::filesystem::is_regular_file(options.model_path)) {
    return MakeError(Code::kInvalidArgument, "the model file does not exist");
  }
  return {};
}

std::int32_t Load(const MlnodeLoadOptions* options, MlnodeModel** model, MlnodeError* error) {
  return Barrier(error, options->model_path, Code::kInvalidArgument, [&]() -> mlnode::Status {
    RETURN_IF_ERROR(CheckOptions(*options));
    auto made = std::make_unique<MlnodeModel>();
    ASSIGN_OR_RETURN(made->model, OpenVinoModel::Load(SharedCore(), *options));
    FillInfo(*made);
    *model = made.release();
    return {};
  });
}

const MlnodeModelInfo* Info(const MlnodeModel* model) { return &model->info; }

std::int32_t Run(MlnodeModel* model, const MlnodeBatch* batch, const std::int32_t* outputs, std::size_t output_count,
                 MlnodeResult** result, MlnodeError* error) {
  return Barrier(error, "", Code::kInternal, [&]() -> mlnode::Status {
    auto made = std::make_unique<MlnodeResult>();
    ASSIGN_OR_RETURN(made->result, model->model->Run(*batch, {outputs, output_count}));
    *result = made.release();
    return {};
  });
}

void Tensor(const MlnodeResult* result, std::size_t s, std::size_t o, MlnodeTensor* tensor) {
  result->result->Describe(s, o, *tensor);
}

void FreeResult(MlnodeResult* result) { delete result; }
void FreeModel(MlnodeModel* model) { delete model; }

constexpr MlnodeEngineApi kApi = {.abi = MLNODE_ENGINE_ABI,
                                  .name = "openvino",
                                  .load = Load,
                                  .info = Info,
                                  .run = Run,
                                  .tensor = Tensor,
                                  .free_result = FreeResult,
                                  .free_model = FreeModel};

}  // namespace

// The one exported symbol: its name is the ABI's (engines/engine_abi.h).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" __attribute__((visibility("default"))) const MlnodeEngineApi* mlnode_engine(void) { return &kApi; }
