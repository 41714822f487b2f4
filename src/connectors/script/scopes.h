// connectors/script/scopes.h: which variables can be seen where, while a script is compiled. Not thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/script/catalogue.h"

namespace mlnode::connectors::script {

struct Variable {
  std::string name;
  Type type;
  int slot = 0;
};

class Scopes {
 public:
  // One function's variables; `outer` are not seen.
  void Open() { marks_.push_back(variables_.size()); }
  void Close() {
    variables_.resize(marks_.back());
    marks_.pop_back();
  }
  // nullptr: the name is taken (a script may not hide a variable).
  const Variable* Declare(std::string name, const Type& type) {
    if (Find(name) != nullptr) return nullptr;
    const int slot = static_cast<int>(variables_.size());
    variables_.push_back({std::move(name), type, slot});
    if (slot + 1 > most_) most_ = slot + 1;
    return &variables_.back();
  }
  const Variable* Find(std::string_view name) const {
    for (const Variable& variable : variables_) {
      if (variable.name == name) return &variable;
    }
    return nullptr;
  }
  // Slots that a frame needs.
  int most() const { return most_; }

 private:
  std::vector<Variable> variables_;
  std::vector<std::size_t> marks_;
  int most_ = 0;
};

}  // namespace mlnode::connectors::script
