#include "engines/torch/torch_state.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mlnode::engines::libtorch {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;

Status Refuse(const std::string& attribute) {
  return MakeError(Code::kUnimplemented, "the model keeps state in attribute " + attribute + " between calls");
}

bool IsContainer(const Value& value) {
  const c10::TypeKind kind = value.type()->kind();
  return kind == c10::TypeKind::ListType || kind == c10::TypeKind::DictType;
}

bool IsMadeInThisCall(const Value& object) { return object.node()->kind() == c10::prim::CreateObject; }

class StateSearch {
 public:
  explicit StateSearch(const torch::jit::Module& module) : module_(module) {}

  void Add(torch::jit::Function& function) {
    torch::jit::GraphFunction* const of_graph = torch::jit::tryToGraphFunction(function);
    if (of_graph != nullptr && seen_.insert(of_graph).second) waiting_.push_back(of_graph->optimized_graph());
  }

  Status Run() {
    while (!waiting_.empty()) {
      const auto graph = std::move(waiting_.back());
      waiting_.pop_back();
      RETURN_IF_ERROR(LookAt(*graph->block()));
    }
    return {};
  }

 private:
  void AddMethods(const std::string& name) {
    for (const torch::jit::Module& part : module_.modules()) {
      if (const auto method = part.find_method(name)) Add(method->function());
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): blocks are as deep as the source's indentation, which the loader has read so too
  Status LookAt(const Block& block) {
    for (const Node* const node : block.nodes()) {
      RETURN_IF_ERROR(LookAt(*node));
      for (const Block* const inner : node->blocks()) RETURN_IF_ERROR(LookAt(*inner));
    }
    return {};
  }

  Status LookAt(const Node& node) {
    if (node.kind() == c10::prim::SetAttr && !IsMadeInThisCall(*node.input(0))) return Refuse(node.s(c10::attr::name));
    // A call that could not be inlined goes through an interface: any part may be behind it.
    if (node.kind() == c10::prim::CallMethod) AddMethods(node.s(c10::attr::name));
    if (node.hasAttribute(c10::attr::Subgraph)) waiting_.push_back(node.g(c10::attr::Subgraph));
    return LookAtContainer(node);
  }

  static Status LookAtContainer(const Node& node) {
    const c10::FunctionSchema* const schema = node.maybeSchema();
    if (schema == nullptr || node.inputs().empty() || schema->arguments().empty()) return {};
    const c10::AliasInfo* const alias = schema->arguments()[0].alias_info();
    if (alias == nullptr || !alias->isWrite() || !IsContainer(*node.input(0))) return {};
    const Node& source = *node.input(0)->node();
    if (source.kind() != c10::prim::GetAttr || IsMadeInThisCall(*source.input(0))) return {};
    return Refuse(source.s(c10::attr::name));
  }

  const torch::jit::Module& module_;
  std::set<const torch::jit::GraphFunction*> seen_;
  std::vector<std::shared_ptr<torch::jit::Graph>> waiting_;
};

}  // namespace

Status CheckKeepsNoState(const torch::jit::Module& module) {
  StateSearch search(module);
  search.Add(module.get_method("forward").function());
  return search.Run();
}

}  // namespace mlnode::engines::libtorch
