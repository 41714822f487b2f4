#include "storage/nats/nats_store.h"

#include "storage/nats/nats_store_impl.h"
#include "storage/nats/testing/nats_servers.h"
#include "storage/testing/store_contract.h"

namespace mlnode::storage::testing {
namespace {

const SystemClock kClock;

std::unique_ptr<NatsStore> MustOpen(const std::string& servers, const std::string& prefix) {
  auto store = NatsStore::Open({.servers = servers, .prefix = prefix}, kClock);
  if (!store) ADD_FAILURE() << store.error().message << " (" << store.error().detail << ")";
  return store ? std::move(store).value() : nullptr;
}

class NatsHarness final : public StoreHarness {
 public:
  explicit NatsHarness(NatsServers& servers) : servers_(servers) {}
  Store& store() override { return *store_; }
  bool KeepsEphemeral() const override { return true; }
  void Reopen() override {
    store_.reset();
    store_ = MustOpen(servers_.Urls(), prefix_);
  }
  void TearPart(const UploadId& upload, std::uint32_t number) override {
    const StreamNames names(prefix_);
    const auto session = servers_.Connect(0);
    const nats::CallLimit limit(nats::Millis(5'000));
    const auto pieces = session->Subjects(names.chunks(), names.PiecesOf(upload.str()), limit);
    ASSERT_TRUE(pieces);
    for (const std::string& subject : *pieces) {
      if (subject.find("." + std::to_string(number) + ".") == std::string::npos) continue;
      const auto piece = session->Last(names.chunks(), subject, limit);
      ASSERT_TRUE(piece);
      const std::string_view whole = nats::BodyOf(**piece);
      nats::Message half;
      ASSERT_EQ(
          natsMsg_Create(nats::Out(half), subject.c_str(), nullptr, whole.data(), static_cast<int>(whole.size() / 2)),
          NATS_OK);
      ASSERT_TRUE(session->Publish(*half, 0, limit));
    }
  }

 private:
  NatsServers& servers_;
  const std::string prefix_ = NewPrefix();
  std::unique_ptr<NatsStore> store_ = MustOpen(servers_.Urls(), prefix_);
};

const StoreKind kOneServer{"one_server", [] { return std::make_unique<NatsHarness>(SharedServer()); }};
const StoreKind kCluster{"cluster", [] { return std::make_unique<NatsHarness>(SharedCluster()); }};
INSTANTIATE_TEST_SUITE_P(Nats, StoreContract, ::testing::Values(kOneServer, kCluster), StoreKindName);
INSTANTIATE_TEST_SUITE_P(Nats, WatchContract, ::testing::Values(kOneServer, kCluster), StoreKindName);

}  // namespace
}  // namespace mlnode::storage::testing
