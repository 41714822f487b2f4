// What Open refuses, and the ways of connecting: credentials and TLS.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "storage/nats/testing/nats_fixture.h"

namespace mlnode::storage::testing {
namespace {

using nats::Millis;
using ::testing::HasSubstr;
using ::testing::Not;

class NatsOpenTest : public NatsTest {
 protected:
  NatsOptions OptionsFor(const std::string& servers) {
    return {.servers = servers, .prefix = prefix_, .open_limit = Millis(2'000)};
  }
  void MakeStream(const std::function<void(jsStreamConfig&)>& change) {
    const std::string subjects = names_.documents_filter();
    const char* list[] = {subjects.c_str()};
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = names_.documents().c_str();
    config.Description = "mlnode documents, format 1";
    config.Subjects = list;
    config.SubjectsLen = 1;
    config.MaxMsgsPerSubject = 1;
    config.Discard = js_DiscardNew;
    config.Storage = js_FileStorage;
    change(config);
    ASSERT_EQ(js_AddStream(nullptr, SharedServer().Connect(0)->js(), &config, nullptr, nullptr), NATS_OK);
  }
};

TEST_F(NatsOpenTest, RefusesOptionsThatCannotBe) {
  const std::string good = SharedServer().Urls();
  for (const std::string servers :
       {"", "http://a:1", "nats://", "nats://a:4222,", "nats://a:4222/path", "nats://a:x"}) {
    EXPECT_EQ(ErrorOfOpening(OptionsFor(servers)).code, Code::kInvalidArgument) << servers;
  }
  for (const std::string& prefix : {std::string(), std::string("a.b"), std::string("a b"), std::string(65, 'a')}) {
    EXPECT_EQ(ErrorOfOpening({.servers = good, .prefix = prefix}).code, Code::kInvalidArgument) << prefix;
  }
  EXPECT_EQ(ErrorOfOpening({.servers = good, .prefix = prefix_, .replicas = 6}).code, Code::kInvalidArgument);
  EXPECT_EQ(ErrorOfOpening({.servers = good, .prefix = prefix_, .certificate_file = "x"}).code, Code::kInvalidArgument);
  const Error error = ErrorOfOpening({.servers = good, .prefix = prefix_, .credentials_file = "/nonexistent"});
  EXPECT_EQ(error.code, Code::kInvalidArgument) << error.message;
  EXPECT_THAT(error.message, HasSubstr("nats_credentials_file"));
  const mlnode::testing::TempDir dir;
  const std::string other = dir.Write("creds", "no credentials");
  EXPECT_EQ(ErrorOfOpening({.servers = good, .prefix = prefix_, .credentials_file = other}).code,
            Code::kInvalidArgument);
  EXPECT_EQ(ErrorOfOpening({.servers = good, .prefix = prefix_, .ca_file = "/nonexistent"}).code,
            Code::kInvalidArgument);
}

TEST_F(NatsOpenTest, ABadUrlIsNotRepeatedInTheError) {
  const Error error = ErrorOfOpening(OptionsFor("nats://user:secret@host:4222/x"));
  EXPECT_THAT(error.message, Not(HasSubstr("secret")));
  EXPECT_THAT(error.message, HasSubstr("server 1"));
}

TEST_F(NatsOpenTest, NobodyThereIsUnavailableInTime) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ErrorOfOpening(OptionsFor("nats://127.0.0.1:1")).code, Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Millis(6'000));
}

TEST_F(NatsOpenTest, OneServerOfTheListIsEnough) {
  EXPECT_TRUE(Open("nats://127.0.0.1:1," + SharedServer().Urls() + ",nats://127.0.0.1:2"));
}

TEST_F(NatsOpenTest, WithoutJetStreamItSaysSo) {
  NatsServers server(1, {.jetstream = false});
  const Error error = ErrorOfOpening(OptionsFor(server.Urls()));
  EXPECT_EQ(error.code, Code::kFailedPrecondition) << error.message;
  EXPECT_THAT(error.message, HasSubstr("jetstream {}"));
}

TEST_F(NatsOpenTest, ASmallMaxPayloadSaysWhatToSet) {
  NatsServers server(1, {.more = "max_payload: 65536\n"});
  const Error error = ErrorOfOpening(OptionsFor(server.Urls()));
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("65536"));
  EXPECT_THAT(error.message, HasSubstr("max_payload"));
}

TEST_F(NatsOpenTest, AStreamOfAnotherLayoutIsNamed) {
  MakeStream([](jsStreamConfig& config) { config.Discard = js_DiscardOld; });
  const Error error = ErrorOfOpening(OptionsFor(SharedServer().Urls()));
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr(names_.documents()));
}

TEST_F(NatsOpenTest, AStreamThatKeepsAnotherHistoryIsCorrected) {
  for (const std::int64_t history : {std::int64_t(1), std::int64_t(-1)}) {
    prefix_ = NewPrefix();
    names_ = StreamNames(prefix_);
    MakeStream([&](jsStreamConfig& config) { config.MaxMsgsPerSubject = history; });
    ASSERT_TRUE(Open(SharedServer().Urls()));
    nats::StreamInfo info;
    ASSERT_EQ(js_GetStreamInfo(nats::Out(info), SharedServer().Connect(0)->js(), names_.documents().c_str(), nullptr,
                               nullptr),
              NATS_OK);
    EXPECT_EQ(info->Config->MaxMsgsPerSubject, static_cast<std::int64_t>(SwapJudge::kHistory));
    EXPECT_STREQ(info->Config->Description, "mlnode documents, format 1");
  }
}

TEST_F(NatsOpenTest, AStreamOfSomebodyElseIsNotTaken) {
  MakeStream([](jsStreamConfig& config) { config.Description = "theirs"; });
  EXPECT_EQ(ErrorOfOpening(OptionsFor(SharedServer().Urls())).code, Code::kFailedPrecondition);
}

TEST_F(NatsOpenTest, ANewerFormatIsRefused) {
  MakeStream([](jsStreamConfig& config) { config.Description = "mlnode documents, format 2"; });
  const Error error = ErrorOfOpening(OptionsFor(SharedServer().Urls()));
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("format 2"));
  EXPECT_THAT(error.message, HasSubstr("formats up to 1"));
}

TEST_F(NatsOpenTest, OneServerKeepsOneCopyAndAsksForNoMore) {
  ASSERT_TRUE(Open(SharedServer().Urls()));
  nats::StreamInfo info;
  ASSERT_EQ(
      js_GetStreamInfo(nats::Out(info), SharedServer().Connect(0)->js(), names_.chunks().c_str(), nullptr, nullptr),
      NATS_OK);
  EXPECT_EQ(info->Config->Replicas, 1);
  NatsOptions options = OptionsFor(SharedServer().Urls());
  options.prefix = NewPrefix();
  options.replicas = 3;
  EXPECT_EQ(ErrorOfOpening(std::move(options)).code, Code::kFailedPrecondition);
}

TEST_F(NatsOpenTest, PasswordsAndTokensStandInTheUrl) {
  NatsServers with_password(1, {.jetstream = true, .more = "authorization { user: \"us er\", password: \"p:w/d\" }\n"});
  const std::string place = "127.0.0.1:" + std::to_string(with_password.port(0));
  EXPECT_TRUE(Open("nats://us%20er:p%3Aw%2Fd@" + place));
  const Error error = ErrorOfOpening(OptionsFor("nats://us%20er:wrong@" + place));
  EXPECT_EQ(error.code, Code::kFailedPrecondition) << error.message;
  EXPECT_THAT(error.message + error.detail, Not(HasSubstr("wrong")));
  NatsServers with_token(1, {.more = "authorization { token: s3cret }\n"});
  EXPECT_TRUE(Open("nats://s3cret@127.0.0.1:" + std::to_string(with_token.port(0))));
}

// A key and a certificate for this name or address, signed by themselves.
struct KeyPair {
  std::string certificate, key;
};

KeyPair MakeKeyPair(const char* subject_names) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  for (const auto& [id, value] :
       {std::pair{NID_basic_constraints, "critical,CA:TRUE"}, std::pair{NID_subject_alt_name, subject_names}}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(certificate, key, EVP_sha256());
  const auto text_of = [](const std::function<void(BIO*)>& write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
  };
  KeyPair pair{text_of([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }),
               text_of([&](BIO* bio) { PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pair;
}

class NatsTlsTest : public NatsOpenTest {
 protected:
  std::string ServerConfiguration(const KeyPair& pair, const std::string& more = {}) {
    return "tls { cert_file: \"" + dir_.Write("server.pem", pair.certificate) + "\", key_file: \"" +
           dir_.Write("server.key", pair.key) + "\" " + more + " }\n";
  }
  mlnode::testing::TempDir dir_;
};

TEST_F(NatsTlsTest, ChecksTheServersCertificateAndName) {
  const KeyPair here = MakeKeyPair("DNS:localhost,IP:127.0.0.1");
  const KeyPair elsewhere = MakeKeyPair("DNS:elsewhere");
  const std::string ca = dir_.Write("ca.pem", here.certificate);
  {
    NatsServers server(1, {.jetstream = true, .more = ServerConfiguration(here), .tls = true});
    NatsOptions options = OptionsFor("tls://127.0.0.1:" + std::to_string(server.port(0)));
    EXPECT_EQ(ErrorOfOpening(options).code, Code::kUnavailable) << "the system does not know this authority";
    options.ca_file = ca;
    const auto store = NatsStore::Open(options, clock_);
    ASSERT_TRUE(store) << store.error().message << store.error().detail;
    // Large messages and many, over TLS.
    const std::string part(9'000'000, 'x');
    ASSERT_TRUE((*store)->PutPart(UploadId("u"), 0, part));
    EXPECT_EQ(*(*store)->GetPart(UploadId("u"), 0), part);
    for (int i = 0; i < 20; ++i) CountUp(**store, Model("m"), 1);
    EXPECT_TRUE((*store)->Following());
  }
  {
    NatsServers server(1, {.jetstream = true, .more = ServerConfiguration(elsewhere), .tls = true});
    NatsOptions options = OptionsFor("tls://127.0.0.1:" + std::to_string(server.port(0)));
    options.ca_file = dir_.Write("elsewhere.pem", elsewhere.certificate);
    EXPECT_EQ(ErrorOfOpening(options).code, Code::kUnavailable) << "the certificate is for another name";
  }
}

TEST_F(NatsTlsTest, ShowsItsOwnCertificate) {
  const KeyPair pair = MakeKeyPair("DNS:localhost,IP:127.0.0.1");
  const std::string ca = dir_.Write("ca.pem", pair.certificate);
  NatsServers server(
      1,
      {.jetstream = true, .more = ServerConfiguration(pair, ", ca_file: \"" + ca + "\", verify: true"), .tls = true});
  NatsOptions options = OptionsFor("tls://127.0.0.1:" + std::to_string(server.port(0)));
  options.ca_file = ca;
  EXPECT_FALSE(NatsStore::Open(options, clock_));
  options.certificate_file = ca;
  options.private_key_file = dir_.Write("client.key", pair.key);
  EXPECT_TRUE(NatsStore::Open(options, clock_));
}

TEST(NatsLoopbackTest, TellsLoopbackFromElsewhere) {
  for (const char* servers : {"nats://127.0.0.1:4222", "localhost:4222", "nats://[::1]:4222,tls://127.1.2.3"}) {
    EXPECT_TRUE(IsLoopbackOnly(servers)) << servers;
  }
  for (const char* servers :
       {"", "nats://10.0.0.1", "nats://127.0.0.1,nats://b:4222", "nats://127.example.org", "nats://[::2]"}) {
    EXPECT_FALSE(IsLoopbackOnly(servers)) << servers;
  }
}

}  // namespace
}  // namespace mlnode::storage::testing
