// connectors/script/machine.h: what one run of a script may use up and has made: steps, bytes, objects, the first
// error. Every operation says false when the run is over; the error then says why. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "connectors/script/script.h"
#include "connectors/script/value.h"

namespace mlnode::connectors::script {

class Machine {
 public:
  // Work on texts and lists counts as a step for so many bytes: searching and copying run at some 2 to 10 GB/s, a step
  // of the interpreter takes about 20 ns.
  static constexpr std::size_t kBytesPerStep = 64;
  static constexpr std::size_t kItemBytes = 16;    // of a list
  static constexpr std::size_t kEntryBytes = 160;  // of a map
  static constexpr std::size_t kObjectBytes = 64;  // of anything

  explicit Machine(const ScriptLimits& limits) : limits_(limits) {}

  // Where the script is, for messages.
  void At(int line) { line_ = line; }
  [[nodiscard]] bool Step(std::size_t count = 1) {
    steps_ += count;
    return steps_ <= limits_.steps || OutOfSteps();
  }
  // Steps for work on so many bytes.
  [[nodiscard]] bool Work(std::size_t bytes) { return Step(1 + bytes / kBytesPerStep); }
  // Bytes about to be made, and the work of it.
  [[nodiscard]] bool Take(std::size_t bytes);
  // Calls of functions within one another; Leave() after each Enter(), whatever it says.
  [[nodiscard]] bool EnterCall();
  void LeaveCall() { --calls_; }

  // A fault of the script: kInvalidArgument. Always false.
  bool Fail(std::string_view what);
  // A limit: kResourceExhausted. Always false.
  bool Exhaust(std::string_view what);

  // Values made by the script.
  [[nodiscard]] bool Make(std::string text, Value& out);
  // Of a text whose bytes were taken while it was put together.
  [[nodiscard]] bool MakeTaken(std::string text, Value& out);
  [[nodiscard]] bool MakeList(std::size_t items, Value& out);  // of nulls
  [[nodiscard]] bool MakeMap(Value& out);
  [[nodiscard]] bool MakeBuilder(std::string_view text, Value& out);
  [[nodiscard]] bool Append(ListObject& list, const Value& item);
  // Refuses keys that are neither text, number, boolean nor null.
  [[nodiscard]] bool Put(MapObject& map, const Value& key, const Value& value);
  [[nodiscard]] bool Append(BuilderObject& builder, std::string_view text);
  // UTF-16 units; kept with the string. Precondition: it is not ASCII.
  [[nodiscard]] bool Units(const StringObject& string, std::u16string_view& out);

  Heap& heap() { return heap_; }
  // Precondition: an operation said false.
  Error TakeError() { return std::move(*error_); }

 private:
  bool OutOfSteps();

  ScriptLimits limits_;
  Heap heap_;
  std::size_t steps_ = 0;
  std::size_t bytes_ = 0;
  int calls_ = 0;
  int line_ = 1;
  std::optional<Error> error_;
};

}  // namespace mlnode::connectors::script
