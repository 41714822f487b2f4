// models/rules/model_interface.h: `interface` of a model: JSON Schemas of its requests and answers (spec/remote §7).
// Threads: const functions from any thread at once. Compiling takes up to some milliseconds: not for an io thread.
#pragma once

#include <memory>
#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "schema/json_schema.h"

namespace mlnode::models {

// {"input", "output"} as a client gives it, in the form that is stored and shown: each a JSON text, other keys dropped.
// kInvalidArgument or kTooLarge names which of the two is no schema that this node would apply, and why.
Result<json::object> ParseInterface(const json::object& given);

class ModelInterface {
 public:
  // `stored` as ParseInterface left it.
  explicit ModelInterface(const json::object& stored);
  bool checks_input() const { return input_.present; }
  bool checks_output() const { return output_.present; }
  // The request as its model sees it, and the answer, as JSON texts. The errors are the peer's "Error validating input
  // schema, ..." (kInvalidArgument; kTooLarge when it is too long to be checked) with what is wrong at the end; a
  // stored schema that does not compile fails every one.
  Status CheckInput(std::string_view instance) const;
  Status CheckOutput(std::string_view answer) const;

 private:
  struct Side {
    bool present = false;
    Error broken;  // why there is no schema, though it is present
    std::unique_ptr<const schema::JsonSchema> schema;
  };
  static Side ReadSide(const json::object& stored, std::string_view key);
  static Status Check(const Side& side, std::string_view key, std::string_view instance);

  Side input_, output_;
};

}  // namespace mlnode::models
