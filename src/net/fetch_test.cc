#include "net/fetch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "core/testing/temp_dir.h"
#include "net/testing/scripted_handler.h"
#include "net/testing/stalling_server.h"

namespace mlnode::net {
namespace {

namespace fs = std::filesystem;

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    fs::create_directories(root_ / "sub dir");
    Write(root_ / "a.bin", "content of a");
    Write(root_ / "sub dir" / "b#1.bin", "content of b");
    Write(folder_ / "secret", "secret");
    policy_.file_roots = {folder_ / "elsewhere", root_};
    policy_.addresses = AddressPolicy::kLoopbackAndPublic;
  }

  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  // What was read, or "CODE_NAME".
  std::string Read(const std::string& url) {
    std::string text;
    const auto status = Fetch(*client_, url, policy_, [&](std::string_view piece) {
      text += piece;
      return Status();
    });
    if (!status) message_ = status.error().message;
    return status ? text : "<" + std::string(CodeName(status.error().code)) + ">";
  }
  std::string Url(const fs::path& path) { return "file://" + path.string(); }

  mlnode::testing::TempDir dir_;
  const fs::path folder_ = dir_.path();
  const fs::path root_ = folder_ / "models";
  FetchPolicy policy_;
  std::string message_;
  std::unique_ptr<HttpClient> client_ = HttpClient::Create();
};

TEST_F(FetchTest, ReadsAFileBelowARoot) {
  EXPECT_EQ(Read(Url(root_ / "a.bin")), "content of a");
  EXPECT_EQ(Read("file:" + (root_ / "a.bin").string()), "content of a");
  EXPECT_EQ(Read("FILE://localhost" + (root_ / "a.bin").string()), "content of a");
}

TEST_F(FetchTest, DecodesPercent) {
  EXPECT_EQ(Read("file://" + root_.string() + "/sub%20dir/b%231.bin"), "content of b");
}

TEST_F(FetchTest, ReadsThroughALinkThatStaysBelow) {
  fs::create_symlink(root_ / "a.bin", root_ / "link");
  EXPECT_EQ(Read(Url(root_ / "link")), "content of a");
}

TEST_F(FetchTest, ReadsBelowARootThatIsItselfALink) {
  fs::create_directory_symlink(root_, folder_ / "elsewhere");
  EXPECT_EQ(Read(Url(folder_ / "elsewhere" / "a.bin")), "content of a");
}

TEST_F(FetchTest, RefusesWhatLiesOutside) {
  fs::create_symlink(folder_ / "secret", root_ / "out");
  fs::create_directory_symlink(folder_, root_ / "up");
  fs::create_directory(folder_ / "models2");
  Write(folder_ / "models2" / "c", "c");
  for (const auto& url :
       {Url(folder_ / "secret"), Url(root_ / "out"), Url(root_ / "up" / "secret"), Url(root_ / ".." / "secret"),
        "file://" + root_.string() + "/%2e%2e/secret", Url(folder_ / "models2" / "c"), Url(folder_ / "no such file"),
        std::string("file:///etc/passwd")}) {
    EXPECT_EQ(Read(url), "<permission_denied>") << url;
  }
}

TEST_F(FetchTest, RefusesALinkToNowhere) {
  fs::create_symlink(folder_ / "not there", root_ / "dangling");
  EXPECT_EQ(Read(Url(root_ / "dangling")), "<permission_denied>");
}

TEST_F(FetchTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(Read(Url(root_ / "fifo")), "<permission_denied>");
  EXPECT_EQ(Read(Url(root_ / "sub dir")), "<permission_denied>");
}

TEST_F(FetchTest, SaysThatAFileIsNotThere) { EXPECT_EQ(Read(Url(root_ / "none.bin")), "<not_found>"); }

TEST_F(FetchTest, RefusesMalformedUrls) {
  for (const auto* url : {"file://otherhost/a", "file:relative", "file:///a%2", "file:///a%zz", "file:///a%00b",
                          "file:///a?b", "file:///a#b", "ftp://host/a", "a.bin", ""}) {
    EXPECT_EQ(Read(url), "<invalid_argument>") << url;
  }
}

TEST_F(FetchTest, RefusesEveryFileWithoutRoots) {
  policy_.file_roots.clear();
  EXPECT_EQ(Read(Url(root_ / "a.bin")), "<permission_denied>");
}

TEST_F(FetchTest, RefusesAFileThatIsTooLarge) {
  policy_.max_bytes = 12;
  EXPECT_EQ(Read(Url(root_ / "a.bin")), "content of a");
  policy_.max_bytes = 11;
  EXPECT_EQ(Read(Url(root_ / "a.bin")), "<too_large>");
  EXPECT_NE(message_.find("11 bytes"), std::string::npos);
}

TEST_F(FetchTest, StopsReadingAFileWhenTheSinkFails) {
  Write(root_ / "big", std::string(3'000'000, 'x'));
  int calls = 0;
  const auto status = Fetch(*client_, Url(root_ / "big"), policy_, [&](std::string_view piece) -> Status {
    EXPECT_LE(piece.size(), 1024U * 1024);
    if (++calls == 2) return MakeError(Code::kCancelled, "enough");
    return {};
  });
  EXPECT_EQ(status.error().message, "enough");
  EXPECT_EQ(calls, 2);
}

TEST_F(FetchTest, AsksBeforeEachPieceOfAFileWhetherToGoOn) {
  Write(root_ / "big", std::string(3'000'000, 'x'));
  int asked = 0;
  policy_.keep_going = [&asked]() -> Status {
    if (++asked == 2) return MakeError(Code::kCancelled, "deleted");
    return {};
  };
  EXPECT_EQ(Read(Url(root_ / "big")), "<cancelled>");
  EXPECT_EQ(message_, "deleted");
  EXPECT_EQ(asked, 2);
}

// Without the question the transfer would end with the idle limit of 30 s, as kDeadlineExceeded.
TEST_F(FetchTest, ASilentPeerDoesNotHoldUpACancel) {
  StallingServer server;
  policy_.keep_going = [&server]() -> Status {
    if (server.stalled() == 0) return {};
    return MakeError(Code::kCancelled, "deleted");
  };
  EXPECT_EQ(Read(server.Url("/model.zip")), "<cancelled>");
  EXPECT_EQ(message_, "deleted");
}

TEST_F(FetchTest, ReadsOverHttpAndFollowsARedirect) {
  TestServer server;
  server.handler.handle = [](const std::shared_ptr<HttpExchange>& exchange) {
    auto reply = ScriptedHandler::Echo(exchange->request());
    if (exchange->request().target == "/moved") {
      reply.status = 302;
      reply.headers.Add("Location", "/here");
    }
    exchange->Reply(std::move(reply));
  };
  server.Start();
  EXPECT_EQ(Read(server.Url("/moved")), "GET /here ");
}

TEST_F(FetchTest, NamesAnHttpStatus) {
  TestServer server;
  server.handler.handle = [](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->Reply(TextReply(404, "not for the sink"));
  };
  server.Start();
  EXPECT_EQ(Read(server.Url("/x")), "<upstream>");
  EXPECT_NE(message_.find("HTTP status 404"), std::string::npos);
}

TEST_F(FetchTest, RefusesAnHttpAddressByPolicy) {
  TestServer server;
  server.Start();
  policy_.addresses = AddressPolicy::kPublicOnly;
  EXPECT_EQ(Read(server.Url("/x")), "<permission_denied>");
}

}  // namespace
}  // namespace mlnode::net
