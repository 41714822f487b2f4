#include "engines/torch/torch_call.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <utility>

#include "engines/graph_inputs.h"

namespace mlnode::engines::libtorch {
namespace {

using Arguments = std::span<const c10::Argument>;

Error Invalid(std::string message) { return MakeError(Code::kInvalidArgument, std::move(message)); }

bool IsTensor(const c10::Argument& argument) {
  return argument.type()->isSubtypeOf(*c10::OptionalType::ofTensor());  // Tensor, or Optional[Tensor]
}

bool IsDictionary(const c10::Argument& argument) {
  const auto dictionary = argument.type()->cast<c10::DictType>();
  return dictionary != nullptr && dictionary->getKeyType()->kind() == c10::TypeKind::StringType &&
         dictionary->getValueType()->isSubtypeOf(*c10::TensorType::get());
}

bool IsRequired(const c10::Argument& argument) { return !argument.default_value().has_value(); }

bool Holds(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

CallPlan Plan(CallStyle style, const std::vector<std::string>& names, const std::vector<std::string>& batch_inputs) {
  CallPlan plan{.style = style, .slots = {}};
  for (const std::string& name : names) {
    // Every name here is known: one of batch_inputs is a feature at least.
    plan.slots.push_back({.kind = InputKindOf(name, batch_inputs).value(), .name = name});
  }
  return plan;
}

std::vector<CallPlan> DictionaryPlans(const std::vector<std::string>& batch_inputs) {
  constexpr std::string_view kTypes = "token_type_ids";
  std::vector<std::string> without;
  std::ranges::copy_if(batch_inputs, std::back_inserter(without), [&](const auto& name) { return name != kTypes; });
  std::vector<CallPlan> plans = {Plan(CallStyle::kDictionary, without, batch_inputs)};
  if (Holds(batch_inputs, kTypes)) plans.push_back(Plan(CallStyle::kDictionary, batch_inputs, batch_inputs));
  return plans;
}

// True if input_ids is there under its name and every required argument is known by its own.
bool NamesAreKnown(Arguments arguments, const std::vector<std::string>& batch_inputs) {
  const auto known = [&](const c10::Argument& argument) {
    return !IsRequired(argument) || InputKindOf(argument.name(), batch_inputs).has_value();
  };
  const auto is_ids = [](const c10::Argument& argument) { return argument.name() == "input_ids"; };
  return std::ranges::all_of(arguments, known) && std::ranges::any_of(arguments, is_ids);
}

CallPlan PlanByName(Arguments arguments, const std::vector<std::string>& batch_inputs) {
  std::vector<std::string> names;
  for (const c10::Argument& argument : arguments) {
    if (IsRequired(argument) || (IsTensor(argument) && Holds(batch_inputs, argument.name()))) {
      names.push_back(argument.name());
    }
  }
  return Plan(CallStyle::kByName, names, batch_inputs);
}

}  // namespace

Result<std::vector<CallPlan>> PlanCalls(const c10::FunctionSchema& schema,
                                        const std::vector<std::string>& batch_inputs) {
  const Arguments arguments = Arguments(schema.arguments()).subspan(1);  // without self
  const auto required = static_cast<std::size_t>(std::ranges::count_if(arguments, IsRequired));
  if (!arguments.empty() && IsDictionary(arguments[0]) && required <= 1) return DictionaryPlans(batch_inputs);
  for (const c10::Argument& argument : arguments) {
    if (IsRequired(argument) && !IsTensor(argument)) {
      return Invalid("the model's forward takes " + argument.name() + " of type " + argument.type()->str() +
                     ": tensors, or one Dict[str, Tensor], are needed");
    }
  }
  if (NamesAreKnown(arguments, batch_inputs)) return std::vector{PlanByName(arguments, batch_inputs)};
  if (required == 0 || required > batch_inputs.size()) {
    return Invalid("the model's forward takes " + std::to_string(required) + " tensors, its function gives up to " +
                   std::to_string(batch_inputs.size()));
  }
  const auto end = batch_inputs.begin() + static_cast<std::ptrdiff_t>(required);
  return std::vector{Plan(CallStyle::kByPosition, {batch_inputs.begin(), end}, batch_inputs)};
}

CallArguments MakeArguments(const CallPlan& plan, std::span<const InputTensor> inputs) {
  CallArguments arguments;
  c10::Dict<std::string, at::Tensor> dictionary;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const at::Tensor tensor = at::from_blob(inputs[i].data, inputs[i].shape, at::TensorOptions(at::kLong));
    const std::string& name = plan.slots[i].name;
    switch (plan.style) {
      case CallStyle::kDictionary:
        dictionary.insert(name, tensor);
        break;
      case CallStyle::kByName:
        arguments.named.emplace(name, tensor);
        break;
      case CallStyle::kByPosition:
        arguments.positional.emplace_back(tensor);
        break;
    }
  }
  if (plan.style == CallStyle::kDictionary) arguments.positional.emplace_back(std::move(dictionary));
  return arguments;
}

}  // namespace mlnode::engines::libtorch
