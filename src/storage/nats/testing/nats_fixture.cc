#include "storage/nats/testing/nats_fixture.h"

#include <fmt/format.h>

#include <utility>

#include "storage/write_check.h"

namespace mlnode::storage::testing {

bool Eventually(const std::function<bool()>& holds, nats::Millis limit) {
  for (const nats::CallLimit end(limit); !end.Over(); nats_Sleep(5)) {
    if (holds()) return true;
  }
  return holds();
}

std::unique_ptr<NatsStore> NatsTest::Open(const std::string& servers, nats::FeedTimes times) {
  auto store = nats::NatsStoreImpl::Open({.servers = servers, .prefix = prefix_}, clock_, times);
  if (!store) ADD_FAILURE() << store.error().message << " (" << store.error().detail << ")";
  return store ? std::move(store).value() : nullptr;
}

Error NatsTest::ErrorOfOpening(NatsOptions options) {
  const SystemClock clock;
  auto store = NatsStore::Open(std::move(options), clock);
  if (!store) return std::move(store).error();
  ADD_FAILURE() << "opened";
  return {};
}

Written NatsTest::Do(Store& store, const Write& write) {
  const Result<Written> written = Commit(store, write);
  if (written) return *written;
  ADD_FAILURE() << "not written: " << written.error().message << " (" << written.error().detail << ")";
  return {};
}

Code NatsTest::RefusalOf(Store& store, const Write& write) {
  WriteOutcome outcome = store.TryWrite(write);
  if (const auto* error = std::get_if<Error>(&outcome)) return error->code;
  ADD_FAILURE() << "not refused";
  return Code::kInternal;
}

void NatsTest::CountUp(Store& store, const Key& key, int times) {
  for (int done = 0; done < times;) {
    const auto updated = Update(store, random_, key,
                                [](json::object& body) -> Result<bool> {
                                  const json::value* n = body.if_contains("n");
                                  body["n"] = (n == nullptr ? 0 : n->as_int64()) + 1;
                                  return true;
                                },
                                {.create_if_absent = true});
    if (updated) ++done;
  }
}

std::vector<std::string> NatsTest::AllOf(const Store& store) {
  std::vector<Collection> all;
  for (int i = 0; i < kCollectionCount; ++i) all.push_back(static_cast<Collection>(i));
  std::vector<std::string> texts;
  for (const DocumentPtr& document : store.Read(all).documents) {
    texts.push_back(fmt::format("{} {} {} {}", KeyText(document->key), document->revision, document->version,
                                ToJson(document->body)));
  }
  return texts;
}

}  // namespace mlnode::storage::testing
