#include "deploy/cluster/cluster_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/testing/test_vault.h"
#include "core/testing/manual_executor.h"
#include "deploy/plan.h"
#include "storage/memory/memory_store.h"
#include "storage/testing/golden_document.h"

namespace mlnode::deploy {
namespace {

using connectors::KeyCheck;
using storage::testing::GoldenDocument;
using storage::testing::OfNextFormat;
using ::testing::HasSubstr;
using ::testing::Not;

class ClusterDocumentsTest : public ::testing::Test {
 protected:
  static storage::Key MetaKey(std::string id) { return {storage::Collection::kMeta, std::move(id)}; }
  void Put(const storage::Key& key, json::object body) {
    ASSERT_TRUE(storage::Update(store_, random_, key,
                                [&](json::object& now) -> Result<bool> {
                                  now = body;
                                  return true;
                                },
                                {.create_if_absent = true}));
  }
  json::object Stored(const std::string& id) { return store_.Get(MetaKey(id)).value()->body; }
  Status Join(const std::vector<KeyCheck>& keys, const std::vector<std::string>& sealed_under = {}) {
    return CheckCredentialKeys(store_, random_, clock_, keys, sealed_under);
  }
  std::string WhyNot(const std::vector<KeyCheck>& keys, const std::vector<std::string>& sealed_under = {}) {
    const Status joined = Join(keys, sealed_under);
    EXPECT_FALSE(joined);
    if (joined) return {};
    EXPECT_EQ(joined.error().code, Code::kFailedPrecondition);
    return joined.error().message;
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  storage::MemoryStore store_{clock_};
  const KeyCheck a_{"a", "check of a"}, b_{"b", "check of b"}, c_{"c", "check of c"};
};

TEST_F(ClusterDocumentsTest, TheFirstNodesUuidIsTheClusters) {
  const std::string first(22, 'f'), second(22, 's');
  EXPECT_EQ(ClusterUuid(store_, random_, first).value(), first);
  EXPECT_EQ(ClusterUuid(store_, random_, second).value(), first);
}

TEST_F(ClusterDocumentsTest, TheFirstNodeMakesTheSharedKey) {
  const auto key = SharedPeerKey(store_, random_);
  ASSERT_TRUE(key);
  mlnode::testing::SeededRandom other(2);
  const auto same = SharedPeerKey(store_, other);
  ASSERT_TRUE(same);
  EXPECT_EQ(key->Derive("x"), same->Derive("x"));
  storage::MemoryStore elsewhere{clock_};
  EXPECT_NE(SharedPeerKey(elsewhere, other)->Derive("x"), key->Derive("x")) << "it is random";
}

// What docs/formats/meta.md says is what is read, and what is written.
TEST_F(ClusterDocumentsTest, ReadsAndWritesTheStoredForms) {
  const auto uuid = GoldenDocument(MetaKey("cluster"), "cluster.1.json");
  Put(uuid.key, uuid.body);
  EXPECT_EQ(ClusterUuid(store_, random_, std::string(22, 'x')).value(), "Zm9vYmFyYmF6cXV4MTIzNA");
  storage::MemoryStore fresh{clock_};
  ASSERT_TRUE(ClusterUuid(fresh, random_, "Zm9vYmFyYmF6cXV4MTIzNA"));
  EXPECT_EQ(fresh.Get(uuid.key).value()->body, uuid.body);

  const auto peer_key = GoldenDocument(MetaKey("peer_key"), "peer_key.1.json");
  Put(peer_key.key, peer_key.body);
  const net::PeerKey expected("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  EXPECT_EQ(SharedPeerKey(store_, random_)->Derive("x"), expected.Derive("x"));
  ASSERT_TRUE(SharedPeerKey(fresh, random_));
  EXPECT_EQ(fresh.Get(peer_key.key).value()->body.size(), peer_key.body.size());

  const auto check = GoldenDocument(MetaKey("credentials_check"), "credentials_check.1.json");
  Put(check.key, check.body);
  const auto vault = connectors::CredentialVault::Open(
      {.key_file = {}, .keys = "1f0c9a2e:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"});
  ASSERT_TRUE(vault);
  EXPECT_TRUE(Join((*vault)->KeyChecks()));
  EXPECT_EQ(Stored("credentials_check"), check.body) << "nothing to note: it is left as it is";
}

TEST_F(ClusterDocumentsTest, DamagedOrNewerDocumentsAreNotReplaced) {
  const json::object damaged{{"uuid", "short"}, {"key", 7}, {"keys", "none"}};
  for (const char* id : {"cluster", "peer_key", "credentials_check"}) Put(MetaKey(id), damaged);
  EXPECT_EQ(ClusterUuid(store_, random_, std::string(22, 'x')).error().code, Code::kDataLoss);
  EXPECT_EQ(SharedPeerKey(store_, random_).error().code, Code::kDataLoss);
  EXPECT_EQ(Join({a_}).error().code, Code::kDataLoss);
  for (const char* id : {"cluster", "peer_key", "credentials_check"}) EXPECT_EQ(Stored(id), damaged);
  Put(MetaKey("cluster"), OfNextFormat(GoldenDocument(MetaKey("cluster"), "cluster.1.json")).body);
  Put(MetaKey("peer_key"), OfNextFormat(GoldenDocument(MetaKey("peer_key"), "peer_key.1.json")).body);
  Put(MetaKey("credentials_check"),
      OfNextFormat(GoldenDocument(MetaKey("credentials_check"), "credentials_check.1.json")).body);
  EXPECT_EQ(ClusterUuid(store_, random_, std::string(22, 'x')).error().code, Code::kDataLoss);
  EXPECT_EQ(SharedPeerKey(store_, random_).error().code, Code::kDataLoss);
  EXPECT_EQ(Join({a_}).error().code, Code::kDataLoss);
}

TEST_F(ClusterDocumentsTest, NodesOfTheSameKeysJoin) {
  EXPECT_TRUE(Join({a_}));
  EXPECT_TRUE(Join({a_}));
  EXPECT_TRUE(Join({a_, b_}, {"a"}));
}

TEST_F(ClusterDocumentsTest, ANodeOfOtherKeysDoesNot) {
  ASSERT_TRUE(Join({a_}));
  const std::string why = WhyNot({b_});
  EXPECT_THAT(why, HasSubstr("key a"));
  EXPECT_THAT(why, HasSubstr("only b"));
  EXPECT_THAT(why, HasSubstr("MLNODE_CREDENTIALS_KEYS"));
  EXPECT_THAT(WhyNot({{"a", "another key of the same id"}}), HasSubstr("key a for credentials is another one"));
  EXPECT_TRUE(Join({a_})) << "who was refused changed nothing";
}

// New keys come behind the old one on all nodes, then in front, then the old one goes.
TEST_F(ClusterDocumentsTest, KeysCanBeChangedNodeByNode) {
  ASSERT_TRUE(Join({a_}));
  EXPECT_TRUE(Join({a_, b_}, {"a"}));
  EXPECT_TRUE(Join({b_, a_}, {"a"}));
  EXPECT_TRUE(Join({a_, b_}, {"a", "b"})) << "a node that is not that far yet";
  EXPECT_THAT(WhyNot({a_}, {"a", "b"}), HasSubstr("key b"));
  EXPECT_TRUE(Join({b_}, {"b"}));
  EXPECT_THAT(WhyNot({a_}, {"b"}), HasSubstr("key b"));
}

TEST_F(ClusterDocumentsTest, ACredentialWhoseKeyTheClusterLostKeepsNobodyOut) {
  EXPECT_TRUE(Join({a_}, {"lost"}));
  EXPECT_TRUE(Join({a_}, {"lost", "?"}));
}

// Of a folder that became a cluster.
TEST_F(ClusterDocumentsTest, DerivedKeysMustOpenAllThatIsSealed) {
  EXPECT_TRUE(CheckDerivedKeys({a_}, {}));
  EXPECT_TRUE(CheckDerivedKeys({a_}, {"a", "?"}));
  const Status refused = CheckDerivedKeys({a_}, {"a", "1f0c9a2e"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("key 1f0c9a2e"));
  EXPECT_THAT(refused.error().message, HasSubstr("mlnode.credentials.key_file"));
}

TEST_F(ClusterDocumentsTest, ADesertedClusterThatSealedNothingTakesNewKeys) {
  ASSERT_TRUE(Join({a_}));
  EXPECT_THAT(WhyNot({b_}), HasSubstr("key a")) << "another node may be about to start";
  clock_.Advance(kCheckGrace + std::chrono::seconds(1));
  EXPECT_THAT(WhyNot({b_}, {"a"}), HasSubstr("key a"));
  Put(LeaseKey(NodeId("n")), {});
  EXPECT_THAT(WhyNot({b_}), HasSubstr("key a"));
  const auto lease = store_.Get(LeaseKey(NodeId("n"))).value();
  ASSERT_TRUE(storage::Commit(
      store_, {.key = lease->key, .expect = storage::Expect::Revision(lease->revision), .body = {}, .nonce = 1}));
  EXPECT_TRUE(Join({b_}));
  EXPECT_THAT(WhyNot({a_}), HasSubstr("key b"));
}

TEST_F(ClusterDocumentsTest, KeysThatFollowFromTheClusterKeyAreKeys) {
  const std::string lines = DerivedCredentialKeys(net::PeerKey("0123456789abcdef-secret"));
  EXPECT_EQ(lines, "cluster-facdb482:eXnmPyHEcEHVE5oGV0E8+skn03SszZDLoa6j+CJ2GcM=\n") << "computed by another program";
  const auto vault = connectors::CredentialVault::Open({.key_file = {}, .keys = lines});
  ASSERT_TRUE(vault) << vault.error().message;
  EXPECT_TRUE(Join((*vault)->KeyChecks()));
  const auto other = connectors::CredentialVault::Open(
      {.key_file = {}, .keys = DerivedCredentialKeys(net::PeerKey("another-secret-of-16"))});
  const std::string why = WhyNot((*other)->KeyChecks());
  EXPECT_THAT(why, HasSubstr("cluster-facdb482"));
  EXPECT_THAT(why, Not(HasSubstr("eXnmPyHE")));
}

}  // namespace
}  // namespace mlnode::deploy
