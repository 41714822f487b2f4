// core/id.h: identifiers as types of their own, and how new ones are made.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace mlnode {

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string value_;
};

using ModelId = Id<struct ModelTag>;
using GroupId = Id<struct GroupTag>;
using TaskId = Id<struct TaskTag>;
using NodeId = Id<struct NodeTag>;      // 22 characters, kept in the data folder
using UploadId = Id<struct UploadTag>;  // names the chunks of one registration

// Where randomness comes from: the system's in a node, a seeded sequence in a simulation. Any thread.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::uint64_t Next() = 0;
};
class SystemRandom final : public RandomSource {
 public:
  std::uint64_t Next() override;  // getrandom(2); ends the process if the kernel has none
};

// 20 characters of [A-Za-z0-9_-], first one a letter or digit: the shape of OpenSearch document ids
// (spec/rest-conventions §5).
std::string NewDocumentId(RandomSource& random);
// 22 characters of the same alphabet: node and cluster ids.
std::string NewUuid22(RandomSource& random);
// A deterministic 64-bit id for one writing attempt (storage/store.h, nonce).
inline std::uint64_t NewNonce(RandomSource& random) { return random.Next(); }

}  // namespace mlnode

// The standard allows this for types of a program.
template <class Tag>
struct std::hash<mlnode::Id<Tag>> {  // NOLINT(bugprone-std-namespace-modification)
  std::size_t operator()(const mlnode::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
