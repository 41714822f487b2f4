// storage/testing/store_contract.h: the fixture of the one suite that every Store passes. The tests are the
// *_contract_test.cc beside this file; an implementation instantiates them with INSTANTIATE_TEST_SUITE_P(Name,
// StoreContract, Values(StoreKind{...}), StoreKindName), and WatchContract likewise.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "core/testing/manual_executor.h"
#include "storage/store.h"

namespace mlnode::storage::testing {

// A store that can die and come back.
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual Store& store() = 0;
  // The only process ends and another begins. References into the old store are dead.
  virtual void Reopen() = 0;
  // Whether ephemeral documents are there after Reopen: a cluster's store outlives each of its processes.
  virtual bool KeepsEphemeral() const { return false; }
  // Loses half of a stored part's bytes behind the store's back.
  virtual void TearPart(const UploadId& upload, std::uint32_t number) = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<StoreHarness>()> make;
};
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }
inline std::string StoreKindName(const ::testing::TestParamInfo<StoreKind>& info) { return info.param.name; }

class StoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  StoreContract() : harness_(GetParam().make()) {}

  Store& store() { return harness_->store(); }
  StoreHarness& harness() { return *harness_; }
  std::uint64_t NextNonce() { return ++nonce_; }

  Write CreationOf(Key key, json::object body) {
    return {.key = std::move(key), .expect = Expect::Absent(), .body = std::move(body), .nonce = NextNonce()};
  }
  Write ChangeOf(Key key, std::uint64_t revision, json::object body) {
    return {.key = std::move(key), .expect = Expect::Revision(revision), .body = std::move(body), .nonce = NextNonce()};
  }
  Write RemovalOf(Key key, std::uint64_t revision) {
    return {.key = std::move(key), .expect = Expect::Revision(revision), .body = {}, .nonce = NextNonce()};
  }
  // The write happens, or the test fails (and goes on with zeros).
  Written Do(const Write& write) {
    WriteOutcome outcome = store().TryWrite(write);
    if (const auto* written = std::get_if<Written>(&outcome)) return *written;
    const auto* error = std::get_if<Error>(&outcome);
    ADD_FAILURE() << "not written: " << (error != nullptr ? error->message : std::get<Unknown>(outcome).why);
    return {};
  }
  // The code of the refusal; kInternal (and a failure) when it was not refused.
  Code RefusalOf(const Write& write) {
    WriteOutcome outcome = store().TryWrite(write);
    if (const auto* error = std::get_if<Error>(&outcome)) return error->code;
    ADD_FAILURE() << "not refused";
    return Code::kInternal;
  }

 private:
  std::unique_ptr<StoreHarness> harness_;
  std::uint64_t nonce_ = 1000;
};

class WatchContract : public StoreContract {
 protected:
  // Notices as texts: "models/m1", "resync".
  std::function<void(const Change&)> Collect() {
    return [this](const Change& change) { seen_.push_back(TextOf(change)); };
  }
  static std::string TextOf(const Change& change) {
    if (change.kind == Change::Kind::kResync) return "resync";
    return std::string(TraitsOf(change.key.collection).name) + "/" + change.key.id;
  }
  mlnode::testing::ManualClock clock_;
  mlnode::testing::ManualExecutor executor_{clock_};
  std::vector<std::string> seen_;
};

inline Key ModelKey(std::string id) { return {Collection::kModels, std::move(id)}; }

inline std::vector<std::string> IdsOf(const std::vector<DocumentPtr>& documents) {
  std::vector<std::string> ids;
  for (const DocumentPtr& document : documents) ids.push_back(document->key.id);
  return ids;
}

template <class T>
Code CodeOf(const Result<T>& result) {
  if (!result) return result.error().code;
  ADD_FAILURE() << "not an error";
  return Code::kInternal;
}

}  // namespace mlnode::storage::testing
