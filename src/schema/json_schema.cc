#include "schema/json_schema.h"

#include <schema_abi.h>

#include <array>
#include <string>
#include <utility>

#include "core/json.h"
#include "schema/schema_cost.h"

namespace mlnode::schema {
namespace {

struct Free {
  void operator()(MlnodeSchema* schema) const { mlnode_schema_free(schema); }
};
using SchemaHandle = std::unique_ptr<MlnodeSchema, Free>;

// The buffer that the native library writes its error text into, and that text as an Error.
class NativeError {
 public:
  MlnodeNativeError* get() { return &error_; }
  Error ToError(int32_t status) const {
    if (status != MLNODE_NATIVE_INTERNAL) return MakeError(Code::kInvalidArgument, text_.data());
    return Error{.code = Code::kInternal, .message = "the validation failed", .detail = text_.data()};
  }

 private:
  std::array<char, 1024> text_{};
  MlnodeNativeError error_{.text = text_.data(), .cap = text_.size(), .index = 0};
};

MlnodeText View(std::string_view text) { return {.data = text.data(), .size = text.size()}; }

class NativeSchema final : public JsonSchema {
 public:
  NativeSchema(SchemaHandle handle, std::uint64_t cost) : handle_(std::move(handle)), cost_(cost) {}

  Status Validate(std::string_view instance) const override {
    if (instance.size() > kMaxInstanceBytes)
      return MakeError(Code::kTooLarge, std::to_string(instance.size()) + " bytes are more than the " +
                                            std::to_string(kMaxInstanceBytes) + " that a schema is applied to");
    if (instance.size() > kMaxValidationWork / cost_)
      return MakeError(Code::kTooLarge, std::to_string(instance.size()) + " bytes against a schema of " +
                                            std::to_string(cost_) + " steps are more work than the limit of " +
                                            std::to_string(kMaxValidationWork));
    NativeError error;
    const int32_t status = mlnode_schema_validate(handle_.get(), View(instance), error.get());
    if (status == MLNODE_NATIVE_OK) return {};
    return error.ToError(status);
  }

 private:
  SchemaHandle handle_;
  const std::uint64_t cost_;  // at least 1
};

}  // namespace

Result<std::unique_ptr<const JsonSchema>> JsonSchema::Compile(std::string_view text) {
  if (text.size() > kMaxSchemaBytes)
    return MakeError(Code::kTooLarge, "a schema has at most " + std::to_string(kMaxSchemaBytes) + " bytes, this one " +
                                          std::to_string(text.size()));
  ASSIGN_OR_RETURN(const json::value value, ParseJson(text));
  ASSIGN_OR_RETURN(const std::uint64_t cost, SchemaCost(value));
  NativeError error;
  MlnodeSchema* raw = nullptr;
  if (const int32_t status = mlnode_schema_compile(View(text), &raw, error.get())) return error.ToError(status);
  return std::unique_ptr<const JsonSchema>(std::make_unique<NativeSchema>(SchemaHandle(raw), cost));
}

}  // namespace mlnode::schema
