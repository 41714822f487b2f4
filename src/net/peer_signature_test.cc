#include "net/peer_signature.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "core/testing/manual_executor.h"

namespace mlnode::net {
namespace {

using std::chrono::seconds;

class PeerSignatureTest : public ::testing::Test {
 protected:
  static constexpr const char* kSecret = "0123456789abcdef-secret";
  static Headers HeadersOf(const std::vector<std::pair<std::string, std::string>>& fields) {
    Headers headers;
    for (const auto& [name, value] : fields) headers.Add(name, value);
    return headers;
  }
  std::string Sign() { return Sign(message_); }
  std::string Sign(const PeerMessage& message) { return SignAt(message, clock_.WallMillis()); }
  std::string SignAt(const PeerMessage& message, EpochMillis at) { return key_.Sign(message, hop_, at, random_); }
  std::string SignFor(const PeerProcess& receiver) {
    return key_.Sign(message_, {.from = hop_.from, .to = receiver}, clock_.WallMillis(), random_);
  }
  Code CheckFails(const std::string& header) { return CheckFails(header, message_); }
  Code CheckFails(const std::string& header, const PeerMessage& message) {
    const auto checked = verifier_.Check(header, message);
    EXPECT_FALSE(checked) << header;
    return checked ? Code::kInternal : checked.error().code;
  }
  // What a signature over `before` says of a request that came with `after`.
  bool Takes(const Headers& before, const Headers& after) {
    PeerMessage message = message_;
    message.headers = &before;
    const std::string header = Sign(message);
    message.headers = &after;
    return verifier_.Check(header, message).has_value();
  }

  mlnode::testing::ManualClock clock_;
  mlnode::testing::SeededRandom random_{1};
  PeerKey key_{kSecret};
  const PeerHop hop_{.from = NodeId("node-a"), .to = {.node = NodeId("node-b"), .incarnation = 0xb1}};
  PeerVerifier verifier_{key_, hop_.to, clock_};
  const Headers headers_ = HeadersOf({{"Content-Type", "application/json"},
                                      {"X-Mlnode-Charged", "1"},
                                      {"X-Mlnode-Deadline-Ms", "250"},
                                      {"X-Mlnode-Priority", ""},
                                      {"X-Opaque-Id", "id 1"}});
  const PeerMessage message_{
      .method = "POST", .target = "/x?y=1", .body = R"({"text_docs":["a"]})", .headers = &headers_};
};

// The bytes of both are pinned by an independent computation: nodes of different versions must agree on the first, and
// credentials are sealed under what comes of the second.
TEST_F(PeerSignatureTest, IsTheFormThatOtherVersionsSend) {
  class Fixed final : public RandomSource {
   public:
    std::uint64_t Next() override { return 0xff; }
  } fixed;
  EXPECT_EQ(key_.Sign(message_, hop_, 1'700'000'000'000, fixed),
            "v2 node-a node-b 00000000000000b1 1700000000000 00000000000000ff "
            "nic8DzEHplBNFLP2QGk4MRjLK_2o2MRD3n7wrV94qpQ");
}

TEST_F(PeerSignatureTest, DerivesAKeyForEachPurpose) {
  std::string hex;
  for (const char c : key_.Derive("credentials")) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  EXPECT_EQ(hex, "7979e63f21c47041d5139a0657413cfac927d374accd90cba1aea3f8227619c3");
  EXPECT_NE(key_.Derive("credentials"), key_.Derive("another"));
  EXPECT_NE(key_.Derive("credentials"), PeerKey("another-secret-of-16").Derive("credentials"));
}

TEST_F(PeerSignatureTest, NamesTheSender) {
  const auto sender = verifier_.Check(Sign(), message_);
  ASSERT_TRUE(sender) << sender.error().detail;
  EXPECT_EQ(sender->str(), "node-a");
}

TEST_F(PeerSignatureTest, RefusesAnotherKey) {
  const PeerKey other("another-secret-of-16");
  EXPECT_EQ(CheckFails(other.Sign(message_, hop_, clock_.WallMillis(), random_)), Code::kPermissionDenied);
}

TEST_F(PeerSignatureTest, RefusesWhatWasChangedOnTheWay) {
  const std::string header = Sign();
  PeerMessage method = message_, target = message_, body = message_;
  method.method = "GET";
  target.target = "/x?y=2";
  body.body = R"({"text_docs":["b"]})";
  for (const PeerMessage& changed : {method, target, body}) {
    EXPECT_EQ(CheckFails(header, changed), Code::kPermissionDenied);
  }
  for (const auto& [part, other] : std::initializer_list<std::pair<std::string, std::string>>{
           {"node-a", "node-c"}, {"node-b", "node-c"}, {"00b1", "00b2"}}) {
    EXPECT_EQ(CheckFails(std::string(header).replace(header.find(part), part.size(), other)), Code::kPermissionDenied);
  }
  const std::string millis = fmt::format("{}", clock_.WallMillis());
  EXPECT_EQ(CheckFails(std::string(header).replace(header.find(millis), millis.size(),
                                                   fmt::format("{}", clock_.WallMillis() + 1))),
            Code::kPermissionDenied);
  EXPECT_TRUE(verifier_.Check(header, message_)) << "a refused attempt must not use it up";
}

// Of each field that the receiver acts on: another value, none, an empty one, one more.
TEST_F(PeerSignatureTest, RefusesChangedHeaders) {
  ASSERT_TRUE(Takes(headers_, headers_));
  for (const std::string_view signed_name : kSignedHeaders) {
    const std::string name(signed_name);
    const Headers none, empty = HeadersOf({{name, ""}}), one = HeadersOf({{name, "1"}}),
                        other = HeadersOf({{name, "2"}}), both = HeadersOf({{name, "1"}, {name, "2"}}),
                        back = HeadersOf({{name, "2"}, {name, "1"}});
    const Headers* const forms[] = {&none, &empty, &one, &other, &both, &back};
    for (const Headers* before : forms) {
      for (const Headers* after : forms) EXPECT_EQ(Takes(*before, *after), before == after) << name;
    }
  }
}

TEST_F(PeerSignatureTest, AValueCountsInItsOwnField) {
  for (std::size_t i = 1; i < kSignedHeaders.size(); ++i) {
    EXPECT_FALSE(Takes(HeadersOf({{std::string(kSignedHeaders[i - 1]), "1"}}),
                       HeadersOf({{std::string(kSignedHeaders[i]), "1"}})));
  }
  EXPECT_FALSE(
      Takes(HeadersOf({{"Accept", "a\nContent-Type=1\n1:b"}}), HeadersOf({{"Accept", "a"}, {"Content-Type", "b"}})));
}

// The client and the server may write and read them so.
TEST_F(PeerSignatureTest, HeadersAreComparedAsHttpDoes) {
  EXPECT_TRUE(Takes(HeadersOf({{"Accept", "a b"}, {"X-Opaque-Id", "cut here "}}),
                    HeadersOf({{"x-opaque-id", "cut here"}, {"ACCEPT", "\ta b"}, {"Host", "b"}})));
}

// What was meant for another node, or for this one before it began anew.
TEST_F(PeerSignatureTest, RefusesWhatIsForAnotherProcess) {
  for (const PeerProcess& other : {PeerProcess{.node = NodeId("node-c"), .incarnation = 0xb1},
                                   PeerProcess{.node = NodeId("node-b"), .incarnation = 0xb2},
                                   PeerProcess{.node = NodeId(), .incarnation = 0xb1}}) {
    EXPECT_EQ(CheckFails(SignFor(other)), Code::kPermissionDenied);
    EXPECT_TRUE(PeerVerifier(key_, other, clock_).Check(SignFor(other), message_));
  }
}

// Where one field ends and the next begins is signed too.
TEST_F(PeerSignatureTest, RefusesFieldsThatWereCutElsewhere) {
  const PeerMessage message{.method = "GET", .target = "/a", .body = ""};
  const std::string header = Sign(message);
  EXPECT_EQ(CheckFails(header, {.method = "GET/", .target = "a", .body = ""}), Code::kPermissionDenied);
}

TEST_F(PeerSignatureTest, RefusesWhatIsTooOld) {
  const std::string at_the_limit = Sign(), beyond = Sign();
  clock_.Advance(PeerVerifier::kWindow);
  EXPECT_TRUE(verifier_.Check(at_the_limit, message_));
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(CheckFails(beyond), Code::kPermissionDenied);
}

TEST_F(PeerSignatureTest, RefusesWhatIsTooNew) {
  const EpochMillis window = std::chrono::milliseconds(PeerVerifier::kWindow).count();
  EXPECT_TRUE(verifier_.Check(SignAt(message_, clock_.WallMillis() + window), message_));
  EXPECT_EQ(CheckFails(SignAt(message_, clock_.WallMillis() + window + 1)), Code::kPermissionDenied);
}

TEST_F(PeerSignatureTest, TakesEachSignatureOnce) {
  const std::string header = Sign();
  EXPECT_TRUE(verifier_.Check(header, message_));
  EXPECT_EQ(CheckFails(header), Code::kPermissionDenied);
  EXPECT_TRUE(verifier_.Check(Sign(), message_));
}

// A signature of the future lives longest: all that time it is known again.
TEST_F(PeerSignatureTest, KnowsASignatureForAsLongAsItWouldBeTaken) {
  const auto header = SignAt(message_, clock_.WallMillis() + std::chrono::milliseconds(PeerVerifier::kWindow).count());
  EXPECT_TRUE(verifier_.Check(header, message_));
  for (seconds past{0}; past <= 2 * PeerVerifier::kWindow + seconds(5); ++past) {
    EXPECT_EQ(CheckFails(header), Code::kPermissionDenied) << past.count();
    clock_.Advance(seconds(1));
  }
}

TEST_F(PeerSignatureTest, RefusesWhatIsNoSignature) {
  const std::string header = Sign();
  for (const std::string& text :
       {std::string(), std::string("v2"), std::string("v2      "), "v1" + header.substr(2), header + " ", header + "A",
        header.substr(0, header.size() - 1), std::string("v2 node-a node-b 00000000000000b1 1e9 00000000000000ff x"),
        std::string("v2 node-a node-b 00000000000000b1 -1 00000000000000ff x"),
        std::string("v2 node-a node-b 00000000000000b1 99999999999999999999 00000000000000ff x"),
        std::string("v1 node-a 1700000000000 00000000000000ff x"), "v2  " + header.substr(3),
        std::string(100'000, 'a')}) {
    EXPECT_EQ(CheckFails(text), Code::kPermissionDenied);
  }
}

// A stranger learns nothing of why; the log does.
TEST_F(PeerSignatureTest, TellsTheReasonToTheLogOnly) {
  const std::string header = Sign();
  ASSERT_TRUE(verifier_.Check(header, message_));
  const Error replay = verifier_.Check(header, message_).error();
  const Error forged = verifier_.Check("v2", message_).error();
  EXPECT_EQ(replay.message, forged.message);
  EXPECT_NE(replay.detail, forged.detail);
}

TEST_F(PeerSignatureTest, RemembersABoundedNumber) {
  PeerVerifier small(key_, hop_.to, clock_, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(small.Check(Sign(), message_));
  const auto full = small.Check(Sign(), message_);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(full.error().retry_after);
  clock_.Advance(2 * PeerVerifier::kWindow + seconds(11));
  EXPECT_TRUE(small.Check(Sign(), message_)) << "what is too old to come again is forgotten";
}

TEST(PeerKeyDeathTest, IsNeverShort) { EXPECT_DEATH(PeerKey("fifteen bytes.."), "16 are the least"); }

}  // namespace
}  // namespace mlnode::net
