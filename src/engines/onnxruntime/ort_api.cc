#include "engines/onnxruntime/ort_api.h"

namespace mlnode::engines::onnxruntime {
namespace {

constexpr std::uint32_t kApiVersion = 22;
constexpr std::size_t kGetErrorCode = 1;
constexpr std::size_t kGetErrorMessage = 2;
constexpr std::size_t kReleaseStatus = 93;

// The library's entry: two functions.
struct OrtApiBase {
  const void* (*get_api)(std::uint32_t version);
  const char* (*get_version_string)();
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library's name
extern "C" const OrtApiBase* OrtGetApiBase(void);

void* const* OrtTable() {
  static void* const* const table = static_cast<void* const*>(OrtGetApiBase()->get_api(kApiVersion));
  if (table == nullptr) throw OrtError(kOrtNotImplemented, "ONNX Runtime 1.22 or later is needed");
  return table;
}

std::string OrtVersion() { return OrtGetApiBase()->get_version_string(); }

void ThrowIfFailed(OrtStatus* status) {
  if (status == nullptr) return;
  const std::unique_ptr<OrtStatus, OrtRelease<kReleaseStatus>> owner(status);
  const int code = reinterpret_cast<int (*)(const OrtStatus*)>(OrtTable()[kGetErrorCode])(status);
  throw OrtError(code, reinterpret_cast<const char* (*)(const OrtStatus*)>(OrtTable()[kGetErrorMessage])(status));
}

}  // namespace mlnode::engines::onnxruntime
