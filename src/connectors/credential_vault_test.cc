#include "connectors/credential_vault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "connectors/testing/test_vault.h"
#include "core/testing/temp_dir.h"
#include "storage/testing/golden_document.h"

namespace mlnode::connectors {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const storage::Key kOwner{storage::Collection::kConnectors, "c1"};

class VaultTest : public ::testing::Test {
 protected:
  const std::unique_ptr<CredentialVault> vault_ = testing::TestVault();
};

TEST_F(VaultTest, UnsealsWhatItSealed) {
  for (const std::string clear : {"", "sk-secret", "zwölf \n bytes"}) {
    const std::string sealed = vault_->Seal(clear, "c1/key").value();
    EXPECT_THAT(sealed, StartsWith("v2:test2:"));
    EXPECT_EQ(vault_->Unseal(sealed, "c1/key").value(), clear);
  }
}

TEST_F(VaultTest, TheSameValueIsSealedDifferentlyEachTime) {
  EXPECT_NE(vault_->Seal("sk-secret", "c1/key").value(), vault_->Seal("sk-secret", "c1/key").value());
}

TEST_F(VaultTest, ASealedValueCannotBeMoved) {
  const std::string sealed = vault_->Seal("sk-secret", SealContext(kOwner, "key")).value();
  const storage::Key other{storage::Collection::kConnectors, "c2"};
  const storage::Key model{storage::Collection::kModels, "c1"};  // ids of the two may be equal
  for (const std::string& elsewhere :
       {SealContext(other, "key"), SealContext(model, "key"), SealContext(kOwner, "other"), std::string()}) {
    const auto unsealed = vault_->Unseal(sealed, elsewhere);
    ASSERT_FALSE(unsealed) << elsewhere;
    EXPECT_EQ(unsealed.error().code, Code::kDataLoss);
    EXPECT_THAT(unsealed.error().message, Not(HasSubstr("sk-secret")));
  }
}

TEST_F(VaultTest, WhatWasSealedWithoutTheCollectionIsUnsealed) {
  const std::string old = "v1:test2:AAECAwQFBgcICQoLOmPPlb0t+F4OHUeX4EuVhc8rLwIHmQ==";  // under "c1/key"
  EXPECT_EQ(vault_->Unseal(old, SealContext(kOwner, "key")).value(), "sk-old");
  EXPECT_EQ(vault_->Unseal(old, SealContext(kOwner, "other")).error().code, Code::kDataLoss);
  EXPECT_FALSE(vault_->IsCurrent(old)) << "so that rotate-keys renews it";
  EXPECT_EQ(vault_->Unseal("v2" + old.substr(2), SealContext(kOwner, "key")).error().code, Code::kDataLoss);
  std::string renamed = vault_->Seal("x", SealContext(kOwner, "key")).value();
  renamed[1] = '1';
  EXPECT_EQ(vault_->Unseal(renamed, SealContext(kOwner, "key")).error().code, Code::kDataLoss);
}

TEST_F(VaultTest, EveryChangedCharacterIsNoticed) {
  const std::string sealed = vault_->Seal("sk-secret", "c").value();
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(vault_->Unseal(changed, "c")) << i;
    EXPECT_FALSE(vault_->Unseal(sealed.substr(0, i), "c")) << i;
  }
  EXPECT_FALSE(vault_->Unseal(sealed + "A", "c"));
}

TEST_F(VaultTest, SealedUnderAKeyThatIsNotHereNamesTheKey) {
  const auto other =
      CredentialVault::Open({.key_file = {}, .keys = "away:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="}).value();
  const auto unsealed = vault_->Unseal(other->Seal("x", "c").value(), "c");
  ASSERT_FALSE(unsealed);
  EXPECT_EQ(unsealed.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(unsealed.error().message, HasSubstr("\"away\""));
}

TEST_F(VaultTest, TheKeyIdIsAuthenticatedToo) {
  // The same key bytes under two ids: the id is no loose label.
  const auto renamed = CredentialVault::Open({.key_file = {},
                                              .keys = "a:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n"
                                                      "b:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="})
                           .value();
  std::string sealed = renamed->Seal("x", "c").value();
  sealed[3] = 'b';
  EXPECT_EQ(renamed->Unseal(sealed, "c").error().code, Code::kDataLoss);
}

TEST_F(VaultTest, CurrentIsWhatTheFirstKeySealed) {
  const auto old = CredentialVault::Open(
                       {.key_file = {},
                        .keys = std::string(testing::kTestKeys).substr(std::string(testing::kTestKeys).find('\n') + 1)})
                       .value();
  const std::string sealed = old->Seal("x", "c").value();
  EXPECT_TRUE(old->IsCurrent(sealed));
  EXPECT_FALSE(vault_->IsCurrent(sealed));
  EXPECT_EQ(vault_->Unseal(sealed, "c").value(), "x");
  EXPECT_FALSE(vault_->IsCurrent("nonsense"));
}

// Two nodes compare these (deploy/cluster/cluster_documents.h); stored ones were made by earlier versions.
TEST_F(VaultTest, ChecksTellTheSameKeyFromAnother) {
  const auto fixed =
      CredentialVault::Open({.key_file = {}, .keys = "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"}).value();
  EXPECT_EQ(fixed->KeyChecks(),
            (std::vector<KeyCheck>{{"k", "39f1eea1cd587baa3b1a7949ff51cd01e590918ea2543b89de70aa14000c69b8"}}));
  const std::vector<KeyCheck> checks = vault_->KeyChecks();
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks[0].id, "test2");
  EXPECT_EQ(checks[1].id, "test1");
  EXPECT_NE(checks[0].check, checks[1].check);
}

TEST_F(VaultTest, TooLargeIsRefused) {
  EXPECT_EQ(vault_->Seal(std::string(256UL * 1024 + 1, 'x'), "c").error().code, Code::kTooLarge);
}

TEST_F(VaultTest, AllOfAConnectorKeepTheirNames) {
  const Secrets secrets{{"a", "1"}, {"b", "2"}};
  auto sealed = SealAll(*vault_, secrets, kOwner).value();
  EXPECT_EQ(UnsealAll(*vault_, sealed, kOwner).value(), secrets);
  std::swap(sealed["a"], sealed["b"]);
  EXPECT_EQ(UnsealAll(*vault_, sealed, kOwner).error().code, Code::kDataLoss);
}

TEST(VaultKeysTest, WhatIsNoKeyIsRefusedByItsLine) {
  const std::string good = "a:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";
  const auto refused = [](const std::string& keys) {
    const auto vault = CredentialVault::Open({.key_file = {}, .keys = keys});
    EXPECT_FALSE(vault) << keys;
    return vault ? "" : vault.error().message;
  };
  EXPECT_THAT(refused(good + "\nsecretsecret"), HasSubstr("line 2"));
  EXPECT_THAT(refused(good + "\nsecretsecret"), Not(HasSubstr("secretsecret")));
  EXPECT_THAT(refused("b:c2hvcnQ="), HasSubstr("line 1"));
  EXPECT_THAT(refused("b d" + good), HasSubstr("line 1"));
  EXPECT_THAT(refused(good + "\n" + good), HasSubstr("key id a stands twice"));
  EXPECT_THAT(refused("\n\n"), HasSubstr("no key"));
  EXPECT_TRUE(CredentialVault::Open({.key_file = {}, .keys = good + "\r\n"}));
}

class KeyFileTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<CredentialVault>> Open() {
    return CredentialVault::Open({.key_file = file_, .keys = {}, .sync = FileSync::kNone});
  }
  Status Add() { return AddKey({.key_file = file_, .sync = FileSync::kNone}); }
  unsigned ModeOf(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(stat(path.c_str(), &status), 0);
    return status.st_mode & 07777U;
  }
  mlnode::testing::TempDir folder_;
  const std::string file_ = folder_.File("keys/credentials");
};

TEST_F(KeyFileTest, IsMadeForItsOwnerAlone) {
  const std::string sealed = Open().value()->Seal("x", "c").value();
  EXPECT_EQ(ModeOf(file_), 0600U);
  EXPECT_EQ(ModeOf(folder_.File("keys")), 0700U);
  EXPECT_EQ(Open().value()->Unseal(sealed, "c").value(), "x") << "the next start has the same key";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.File("keys")), {}), 1) << "nothing else is left";
}

// Nobody can unseal what there is with a file that is read otherwise.
TEST_F(KeyFileTest, ReadsTheStoredForm) {
  ASSERT_TRUE(Open());
  std::ofstream(file_, std::ios::trunc) << storage::testing::GoldenFile("credential_keys.1.txt");
  const auto vault = Open();
  ASSERT_TRUE(vault);
  EXPECT_EQ(
      (*vault)->Unseal("v1:test2:AAECAwQFBgcICQoLOmPPlb0t+F4OHUeX4EuVhc8rLwIHmQ==", SealContext(kOwner, "key")).value(),
      "sk-old");
}

TEST_F(KeyFileTest, ReadableByOthersIsRefused) {
  ASSERT_TRUE(Open());
  for (const mode_t mode : {0640U, 0604U, 0620U, 0601U}) {
    ASSERT_EQ(chmod(file_.c_str(), mode), 0);
    const auto opened = Open();
    ASSERT_FALSE(opened) << mode;
    EXPECT_EQ(opened.error().code, Code::kPermissionDenied);
    EXPECT_THAT(opened.error().message, HasSubstr("0600"));
    EXPECT_THAT(opened.error().message, Not(HasSubstr(file_)));
    EXPECT_EQ(Add().error().code, Code::kPermissionDenied);
  }
}

TEST_F(KeyFileTest, ADamagedFileIsNeverReplaced) {
  ASSERT_TRUE(Open());
  std::ofstream(file_) << "not a key\n";
  EXPECT_EQ(Open().error().code, Code::kInvalidArgument);
  EXPECT_EQ(Add().error().code, Code::kInvalidArgument);
  EXPECT_EQ(ReadFile(file_, 100).value(), "not a key\n");
}

TEST_F(KeyFileTest, AnotherKeySealsAndTheOldOneUnseals) {
  const std::string sealed = Open().value()->Seal("x", "c").value();
  ASSERT_TRUE(Add());
  EXPECT_EQ(ModeOf(file_), 0600U);
  const auto vault = Open().value();
  EXPECT_FALSE(vault->IsCurrent(sealed));
  EXPECT_EQ(vault->Unseal(sealed, "c").value(), "x");
  EXPECT_TRUE(vault->IsCurrent(vault->Seal("x", "c").value()));
}

TEST_F(KeyFileTest, IsNotMadeWhereSomethingIsSealed) {
  const VaultOptions options{.key_file = file_, .sync = FileSync::kNone, .sealed_under = {"1f0c9a2e", "old"}};
  for (const Status& refused : {Status(CredentialVault::Open(options).error()), AddKey(options)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(refused.error().message, HasSubstr("1f0c9a2e, old"));
    EXPECT_FALSE(std::filesystem::exists(file_));
  }
  ASSERT_TRUE(Open());
  EXPECT_TRUE(CredentialVault::Open(options)) << "where the file is, its keys are asked one by one";
}

TEST_F(KeyFileTest, ReplacingItKeepsOwnerModeAndLink) {
  ASSERT_TRUE(Open());
  const std::string real = folder_.File("real");
  std::filesystem::rename(file_, real);
  std::filesystem::create_symlink(real, file_);
  ASSERT_EQ(chmod(real.c_str(), 0400), 0);
  const bool root = geteuid() == 0;  // nobody else may give a file away
  constexpr uid_t kSomebody = 12'345;
  if (root) ASSERT_EQ(chown(real.c_str(), kSomebody, kSomebody), 0);
  ASSERT_TRUE(Add());
  EXPECT_TRUE(std::filesystem::is_symlink(file_));
  struct stat status{};
  ASSERT_EQ(stat(real.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0400U);
  EXPECT_EQ(status.st_uid, root ? kSomebody : geteuid());
  EXPECT_EQ(status.st_gid, root ? kSomebody : getegid());
  const std::string text = ReadFile(real, 1000).value();
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.File("keys")), {}), 1) << "nothing else is left";
}

TEST(SealingKeyTest, IsReadFromTheSealedForm) {
  EXPECT_EQ(SealingKey("v1:old:AAAA"), "old");
  EXPECT_EQ(SealingKey("v2:1f0c9a2e:AAAA"), "1f0c9a2e");
  for (const char* bad : {"", "v2:", "v2:old", "v3:old:AAAA", "v2::AAAA", "old:AAAA"}) {
    EXPECT_EQ(SealingKey(bad), std::nullopt) << bad;
  }
}

TEST_F(KeyFileTest, TheVariableCountsBeforeTheFile) {
  const auto vault =
      CredentialVault::Open({.key_file = file_, .keys = testing::kTestKeys, .sync = FileSync::kNone}).value();
  EXPECT_THAT(vault->Seal("x", "c").value(), StartsWith("v2:test2:"));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

}  // namespace
}  // namespace mlnode::connectors
