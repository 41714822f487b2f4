// kill -9 at random moments of a process that writes: what it acknowledged is there afterwards, whole.
// The same program is the writer: crash_test --writer FOLDER FIRST_STEP prints a line for every acknowledged write.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <sstream>

#include "core/testing/manual_executor.h"
#include "core/testing/temp_dir.h"
#include "storage/data_folder.h"
#include "storage/sqlite/sqlite_store.h"

namespace mlnode::storage {
namespace {

const UploadId kUpload("upload");
constexpr int kParts = 5;
constexpr int kCounters = 3;

Key DocumentKey(int step) { return {Collection::kTasks, "t" + std::to_string(step)}; }
Key CounterKey(int counter) { return {Collection::kModels, "counter" + std::to_string(counter)}; }

// The step is readable from any whole part, and parts are long enough to be torn.
std::string PartOf(int step) {
  std::string bytes = std::to_string(step) + "\n";
  bytes.resize(100'000 + static_cast<std::size_t>(step % 7) * 10'000, static_cast<char>('a' + step % 26));
  return bytes;
}

void Say(const std::string& line) {
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(3);
}

Result<bool> Increment(json::object& body) {
  const json::value* n = body.if_contains("n");
  body["n"] = (n == nullptr ? 0 : n->as_int64()) + 1;
  return true;
}

// Until killed. "c N V": counter N has V; "d S": document of step S; "r S" before and "R S" after its removal; "p S":
// part.
Status WriteSteps(const std::string& folder, int first) {
  SystemRandom random;
  ASSIGN_OR_RETURN(const auto held, DataFolder::Open(folder, random));
  ASSIGN_OR_RETURN(const auto store, SqliteStore::Open({.folder = folder, .sync = FileSync::kDurable, .vfs = {}}));
  for (int step = first;; ++step) {
    const int counter = step % kCounters;
    ASSIGN_OR_RETURN(const Updated updated,
                     Update(*store, random, CounterKey(counter), Increment, {.create_if_absent = true}));
    Say("c " + std::to_string(counter) + " " + std::to_string(updated.body.at("n").as_int64()) + "\n");
    ASSIGN_OR_RETURN(const Written written, Commit(*store, {.key = DocumentKey(step),
                                                            .expect = Expect::Absent(),
                                                            .body = json::object{{"step", step}},
                                                            .nonce = NewNonce(random)}));
    Say("d " + std::to_string(step) + "\n");
    if (step % 3 == 0) {
      Say("r " + std::to_string(step) + "\n");
      ASSIGN_OR_RETURN(const Written removed, Commit(*store, {.key = DocumentKey(step),
                                                              .expect = Expect::Revision(written.revision),
                                                              .body = std::nullopt,
                                                              .nonce = NewNonce(random)}));
      if (removed.revision <= written.revision) return MakeError(Code::kInternal, "revisions did not grow");
      Say("R " + std::to_string(step) + "\n");
    }
    RETURN_IF_ERROR(store->PutPart(kUpload, static_cast<std::uint32_t>(step % kParts), PartOf(step)));
    Say("p " + std::to_string(step) + "\n");
  }
}

class Writer {
 public:
  Writer(const std::string& folder, int first) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::string step = std::to_string(first);
    std::string name = "writer";
    std::string flag = "--writer";
    std::string path = folder;
    char* arguments[] = {name.data(), flag.data(), path.data(), step.data(), nullptr};
    if (posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, arguments, environ) != 0) std::abort();
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  ~Writer() { std::fclose(output_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool ReadLine(std::string& line) {
    char text[64];
    if (std::fgets(text, sizeof text, output_) == nullptr) return false;
    line = text;
    return line.ends_with('\n');
  }
  int Kill() {
    kill(process_, SIGKILL);
    int status = 0;
    waitpid(process_, &status, 0);
    return status;
  }

 private:
  pid_t process_ = 0;
  FILE* output_ = nullptr;
};

struct Acknowledged {
  std::map<int, std::int64_t> counters;
  std::map<int, int> parts;  // number -> newest step
  std::set<int> documents;
  std::set<int> removing;  // perhaps removed
  std::set<int> removed;
  int last_step = 0;

  void Take(const std::string& line) {
    std::istringstream words(line);
    char kind = 0;
    int a = 0;
    std::int64_t b = 0;
    words >> kind >> a >> b;
    if (kind == 'c') counters[a] = b;
    if (kind == 'd') documents.insert(a);
    if (kind == 'r') removing.insert(a);
    if (kind == 'R') removed.insert(a);
    if (kind == 'p') parts[a % kParts] = a;
    if (kind != 'c') last_step = std::max(last_step, a);
  }
};

void Verify(const std::string& folder, const Acknowledged& said) {
  mlnode::testing::SeededRandom random(1);
  const auto held = DataFolder::Open(folder, random);
  ASSERT_TRUE(held) << held.error().message;
  auto opened = SqliteStore::Open({.folder = folder, .sync = FileSync::kDurable, .vfs = {}});
  ASSERT_TRUE(opened) << opened.error().message << " (" << opened.error().detail << ")";
  const Store& store = **opened;
  for (const auto& [counter, value] : said.counters) {
    const auto found = store.Get(CounterKey(counter));
    ASSERT_TRUE(found);
    const std::int64_t stored = (*found)->body.at("n").as_int64();
    EXPECT_TRUE(stored == value || stored == value + 1) << stored << " after " << value;
  }
  for (const int step : said.documents) {
    const bool there = store.Get(DocumentKey(step)).has_value();
    if (said.removed.contains(step)) {
      EXPECT_FALSE(there) << step;
    } else if (!said.removing.contains(step)) {
      EXPECT_TRUE(there) << step;
    }
  }
  for (const auto& [number, step] : said.parts) {
    const auto bytes = store.GetPart(kUpload, static_cast<std::uint32_t>(number));
    ASSERT_TRUE(bytes) << bytes.error().message;
    const int stored = std::atoi(bytes->c_str());
    EXPECT_EQ(*bytes, PartOf(stored));
    EXPECT_GE(stored, step);
  }
}

TEST(StorageCrashTest, AcknowledgedWritesSurviveKill9) {
  constexpr int kRounds = 12;
  const mlnode::testing::TempDir dir;
  const std::string folder = dir.File("data");
  mlnode::testing::SeededRandom random(20'240'601);
  Acknowledged said;
  for (int round = 0; round < kRounds; ++round) {
    // Beyond every step that may have been begun: an unacknowledged document may exist.
    Writer writer(folder, said.last_step + 10);
    std::string line;
    for (std::uint64_t left = 1 + random.Below(40); left > 0; --left) {
      ASSERT_TRUE(writer.ReadLine(line)) << "the writer ended by itself";
      said.Take(line);
    }
    ASSERT_TRUE(WIFSIGNALED(writer.Kill())) << "the writer ended by itself";
    while (writer.ReadLine(line)) said.Take(line);
    Verify(folder, said);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(said.documents.size(), static_cast<std::size_t>(kRounds) / 2);
}

}  // namespace
}  // namespace mlnode::storage

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--writer") == 0) {
    const mlnode::Status status = mlnode::storage::WriteSteps(argv[2], std::atoi(argv[3]));
    std::fprintf(stderr, "writer: %s\n", status.error().message.c_str());
    return 1;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
