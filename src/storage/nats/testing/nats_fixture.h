// storage/nats/testing/nats_fixture.h: what the tests against real servers share. Threads: one.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/id.h"
#include "storage/nats/nats_store_impl.h"
#include "storage/nats/testing/nats_servers.h"

namespace mlnode::storage::testing {

// Polls until it holds; false after `limit`.
bool Eventually(const std::function<bool()>& holds, nats::Millis limit = nats::Millis(15'000));

class NatsTest : public ::testing::Test {
 protected:
  std::unique_ptr<NatsStore> Open(const std::string& servers, nats::FeedTimes times = {});
  static Error ErrorOfOpening(NatsOptions options);
  Write CreationOf(Key key, json::object body = {}) {
    return {.key = std::move(key), .expect = Expect::Absent(), .body = std::move(body), .nonce = random_.Next()};
  }
  Write ChangeOf(Key key, std::uint64_t revision, json::object body = {}) {
    return {
        .key = std::move(key), .expect = Expect::Revision(revision), .body = std::move(body), .nonce = random_.Next()};
  }
  Write RemovalOf(Key key, std::uint64_t revision) {
    return {.key = std::move(key), .expect = Expect::Revision(revision), .body = {}, .nonce = random_.Next()};
  }
  // The write happens, or the test fails (and goes on with zeros).
  static Written Do(Store& store, const Write& write);
  // The code of the refusal; kInternal (and a failure) when it was not refused.
  static Code RefusalOf(Store& store, const Write& write);
  // Adds one to the document's "n", which is made. Again on every error until it is done.
  void CountUp(Store& store, const Key& key, int times);

  // Every document with its revision and body, as text.
  static std::vector<std::string> AllOf(const Store& store);
  static bool Has(const Store& store, const Key& key) { return store.Get(key).has_value(); }

  const SystemClock clock_;
  SystemRandom random_;
  std::string prefix_ = NewPrefix();
  StreamNames names_{prefix_};
};

inline Key Lease(std::string id) { return {Collection::kLeases, std::move(id)}; }
inline Key Model(std::string id) { return {Collection::kModels, std::move(id)}; }

}  // namespace mlnode::storage::testing
