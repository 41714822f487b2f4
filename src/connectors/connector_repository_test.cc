#include "connectors/connector_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/testing/test_vault.h"
#include "core/testing/manual_executor.h"
#include "storage/memory/memory_store.h"

namespace mlnode::connectors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const Secrets kSecrets{{"key", "sk-secret"}};

storage::Key Own(const std::string& id) { return {storage::Collection::kConnectors, id}; }

class ConnectorRepositoryTest : public ::testing::Test {
 protected:
  static Connector Named(const std::string& name, const std::string& id = {}) {
    Connector connector;
    connector.id = ConnectorId(id);
    connector.name = name;
    connector.version = "1";
    return connector;
  }
  std::string StoredText(const std::string& id) {
    return ToJson(store_.Get({storage::Collection::kConnectors, id}).value()->body);
  }
  // As a crash of an older key's owner would have left it.
  void Put(storage::Key key, json::object body) {
    ASSERT_TRUE(storage::Commit(
        store_, {.key = std::move(key), .expect = storage::Expect::Absent(), .body = std::move(body), .nonce = 7}));
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  storage::MemoryStore store_{clock_};
  const std::unique_ptr<CredentialVault> vault_ = testing::TestVault();
  // The vault's older key alone.
  const std::unique_ptr<CredentialVault> old_vault_ =
      CredentialVault::Open({.key_file = {}, .keys = "test1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}).value();
  ConnectorRepository connectors_{store_, random_, clock_, *vault_};
};

TEST_F(ConnectorRepositoryTest, CreateSealsAndGetReads) {
  const Connector made = connectors_.Create(Named("a"), kSecrets).value();
  EXPECT_EQ(made.id.str().size(), 20U);
  EXPECT_THAT(StoredText(made.id.str()), Not(HasSubstr("sk-secret")));
  const Connector read = connectors_.Get(made.id).value();
  EXPECT_EQ(read.name, "a");
  EXPECT_EQ(read.created_time, clock_.WallMillis());
  EXPECT_EQ(UnsealAll(*vault_, read.credential, Own(made.id.str())).value(), kSecrets);
}

TEST_F(ConnectorRepositoryTest, AChosenIdIsTakenOnce) {
  EXPECT_EQ(connectors_.Create(Named("a", "mine"), kSecrets).value().id.str(), "mine");
  const auto again = connectors_.Create(Named("b", "mine"), kSecrets);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  EXPECT_EQ(again.error().message, "connector id 'mine' already exists");
}

TEST_F(ConnectorRepositoryTest, UnknownOnesAreNotFoundByEveryCall) {
  const ConnectorId id("nope");
  const auto same = [](Connector connector) -> Result<Connector> { return connector; };
  for (const Error& error :
       {connectors_.Get(id).error(), connectors_.Update(id, same, {}).error(), connectors_.Remove(id).error()}) {
    EXPECT_EQ(error.code, Code::kNotFound);
    EXPECT_EQ(error.message, "Failed to find connector with the provided connector id: nope");
  }
}

TEST_F(ConnectorRepositoryTest, UpdateKeepsTheCredentialUnlessGiven) {
  const Connector made = connectors_.Create(Named("a"), kSecrets).value();
  clock_.Advance(std::chrono::seconds(1));
  const auto rename = [](Connector connector) -> Result<Connector> {
    connector.name = "b";
    return connector;
  };
  const Connector renamed = connectors_.Update(made.id, rename, {}).value();
  EXPECT_EQ(renamed.doc_version, 2U);
  EXPECT_EQ(renamed.last_updated_time, made.created_time + 1000);
  EXPECT_EQ(connectors_.Get(made.id).value().credential, made.credential);
  const Secrets others{{"other", "x"}};
  ASSERT_TRUE(connectors_.Update(made.id, rename, others));
  EXPECT_EQ(UnsealAll(*vault_, connectors_.Get(made.id).value().credential, Own(made.id.str())).value(), others);
}

TEST_F(ConnectorRepositoryTest, ARefusedChangeChangesNothing) {
  const Connector made = connectors_.Create(Named("a"), kSecrets).value();
  const std::string before = StoredText(made.id.str());
  const auto refuse = [](const Connector&) -> Result<Connector> { return MakeError(Code::kInvalidArgument, "no"); };
  EXPECT_EQ(connectors_.Update(made.id, refuse, kSecrets).error().message, "no");
  EXPECT_EQ(StoredText(made.id.str()), before);
}

TEST_F(ConnectorRepositoryTest, ADamagedOneIsLeftOutOfTheListAndCanBeRemoved) {
  ASSERT_TRUE(connectors_.Create(Named("a"), kSecrets));
  Put({storage::Collection::kConnectors, "bad"}, {{"protocol", 5}});
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(connectors_.List().size(), 1U);
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(connectors_.Get(ConnectorId("bad")).error().code, Code::kDataLoss);
  EXPECT_TRUE(connectors_.Remove(ConnectorId("bad")));
}

TEST_F(ConnectorRepositoryTest, ANewerFormatIsNeitherChangedNorRemoved) {
  Put({storage::Collection::kConnectors, "new"}, {{"_format", 2}, {"credential", {{"k", "v2:x"}}}});
  EXPECT_EQ(connectors_.Remove(ConnectorId("new")).error().code, Code::kDataLoss);
  EXPECT_FALSE(connectors_.Reseal());
  EXPECT_THAT(StoredText("new"), HasSubstr("v2:x"));
}

TEST_F(ConnectorRepositoryTest, ResealRenewsConnectorsAndInlineOnes) {
  const std::string old_own = old_vault_->Seal("sk-own", SealContext(Own("c1"), "key")).value();
  const std::string old_inline =
      old_vault_->Seal("sk-inline", SealContext({storage::Collection::kModels, "m1"}, "key")).value();
  Put({storage::Collection::kConnectors, "c1"}, {{"protocol", "http"}, {"credential", {{"key", old_own}}}});
  Put({storage::Collection::kModels, "m1"},
      {{"name", "m"}, {"connector", {{"protocol", "http"}, {"credential", {{"key", old_inline}}}}}});
  Put({storage::Collection::kModels, "m2"}, {{"name", "local"}});
  EXPECT_EQ(connectors_.Reseal().value(), 2U);
  EXPECT_EQ(connectors_.Reseal().value(), 0U) << "it can be repeated";
  const Connector own = connectors_.Get(ConnectorId("c1")).value();
  EXPECT_THAT(own.credential.at("key"), StartsWith("v2:test2:"));
  EXPECT_EQ(UnsealAll(*vault_, own.credential, Own("c1")).value().at("key"), "sk-own");
  const auto model = store_.Get({storage::Collection::kModels, "m1"}).value()->body;
  const std::string renewed(model.at("connector").at("credential").at("key").as_string());
  EXPECT_EQ(vault_->Unseal(renewed, "models/m1/key").value(), "sk-inline");
}

TEST_F(ConnectorRepositoryTest, TheKeysInUseAreKnown) {
  EXPECT_THAT(SealingKeys(store_), IsEmpty());
  Put({storage::Collection::kModels, "local"}, {{"name", "local"}});
  EXPECT_THAT(SealingKeys(store_), IsEmpty());
  ASSERT_TRUE(connectors_.Create(Named("a"), kSecrets));
  EXPECT_THAT(SealingKeys(store_), ElementsAre("test2"));
  Put({storage::Collection::kModels, "m1"}, {{"connector", {{"credential", {{"a", "v1:test1:x"}, {"b", "odd"}}}}}});
  EXPECT_THAT(SealingKeys(store_), ElementsAre("?", "test1", "test2"));
}

TEST_F(ConnectorRepositoryTest, OneThatCannotBeUnsealedDoesNotHoldUpTheOthers) {
  const auto lost =
      CredentialVault::Open({.key_file = {}, .keys = "lost:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="});
  const std::string sealed_away = lost.value()->Seal("x", "connectors/a1/key").value();
  const std::string sealed_old = old_vault_->Seal("x", "connectors/z1/key").value();
  Put({storage::Collection::kConnectors, "a1"}, {{"protocol", "http"}, {"credential", {{"key", sealed_away}}}});
  Put({storage::Collection::kConnectors, "z1"}, {{"protocol", "http"}, {"credential", {{"key", sealed_old}}}});
  const auto resealed = connectors_.Reseal();
  ASSERT_FALSE(resealed);
  EXPECT_EQ(resealed.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(resealed.error().message, HasSubstr("connectors/a1"));
  EXPECT_TRUE(vault_->IsCurrent(connectors_.Get(ConnectorId("z1")).value().credential.at("key")));
}

}  // namespace
}  // namespace mlnode::connectors
