#include "app/migrate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <map>
#include <memory>
#include <thread>

#include "app/cluster.h"
#include "app/node_settings.h"
#include "config/setting_values.h"
#include "core/log.h"
#include "deploy/cluster/cluster_documents.h"
#include "deploy/plan.h"
#include "models/model.h"
#include "storage/data_folder.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/transfer.h"

namespace mlnode::app {
namespace {

constexpr double kMegabyte = 1e6;
constexpr Duration kBetweenNotices = std::chrono::seconds(1);
constexpr Duration kCatchUpLimit = std::chrono::seconds(10);

// A model's document that cannot be read is copied as it is: nobody can tell what it stands on.
storage::NeededParts NeededBy(const storage::Document& document) {
  auto needed = models::StoredParts(document);
  return needed ? *std::move(needed) : storage::NeededParts();
}

// One end of a transfer.
struct End {
  std::unique_ptr<storage::DataFolder> folder;  // null: a cluster
  std::unique_ptr<storage::Store> store;
  std::string uuid;
};

enum class Role { kSource, kTarget };

// A source that is made here would be an empty one, taken for a transfer that went well.
Error NoSource(std::string why) { return MakeError(Code::kNotFound, fmt::format("there is nothing to copy: {}", why)); }

Result<End> OpenEnd(const std::string& place, Role role, const config::Snapshot& settings, RandomSource& random,
                    const Clock& clock) {
  End end;
  if (place.find("://") != std::string::npos) {
    auto store = OpenNatsStore(place, settings, clock, /*make_streams=*/role == Role::kTarget);
    if (!store && store.error().code == Code::kNotFound) {
      return NoSource(fmt::format("{}; is the cluster's name (mlnode.cluster.name) {}?", store.error().message,
                                  settings.String("mlnode.cluster.name")));
    }
    if (!store) return std::move(store).error();
    end.store = *std::move(store);
    ASSIGN_OR_RETURN(end.uuid, deploy::ClusterUuid(*end.store, random, NewUuid22(random)));
    return end;
  }
  if (role == Role::kSource && !storage::DataFolder::Exists(place)) {
    return NoSource(place + " is no data folder of a node");
  }
  ASSIGN_OR_RETURN(end.folder, storage::DataFolder::Open(place, random));
  ASSIGN_OR_RETURN(end.store,
                   storage::SqliteStore::Open({.folder = end.folder->path(), .sync = FileSync::kDurable, .vfs = {}}));
  end.uuid = end.folder->cluster_uuid();
  return end;
}

using LeaseRevisions = std::map<storage::Key, std::uint64_t>;

Result<LeaseRevisions> ReadLeases(const storage::Store& store) {
  RETURN_IF_ERROR(store.CatchUp(kCatchUpLimit));  // a lease that was there before our claim is seen
  LeaseRevisions revisions;
  for (const storage::DocumentPtr& lease : store.Read(std::array{storage::Collection::kLeases}).documents)
    revisions.emplace(lease->key, lease->revision);
  return revisions;
}

// A lease that is rewritten while we look belongs to a node that runs; one of a node that was killed lies there for
// good.
Status CheckNobodyRuns(const storage::Store& store) {
  ASSIGN_OR_RETURN(const LeaseRevisions before, ReadLeases(store));
  if (before.empty()) return {};
  std::this_thread::sleep_for(3 * deploy::kLeaseBeat);
  ASSIGN_OR_RETURN(const LeaseRevisions after, ReadLeases(store));
  for (const auto& [key, revision] : after) {
    const auto known = before.find(key);
    if (known != before.end() && known->second == revision) continue;
    return MakeError(Code::kFailedPrecondition,
                     fmt::format("node {} of the target runs; stop the cluster's nodes first", key.id));
  }
  return {};
}

class ProgressLine {
 public:
  explicit ProgressLine(const Clock& clock) : clock_(clock) {}
  void Show(const storage::TransferProgress& now) {
    if (shown_ && clock_.Now() - *shown_ < kBetweenNotices) return;
    shown_ = clock_.Now();
    std::cerr << fmt::format("parts {} of {} ({:.0f} MB), documents {} of {}\n", now.parts, now.parts_total,
                             static_cast<double>(now.bytes) / kMegabyte, now.documents, now.documents_total);
  }

 private:
  const Clock& clock_;
  std::optional<SteadyTime> shown_;
};

Result<storage::TransferReport> Run(const cli::MigrateFlags& flags) {
  ASSIGN_OR_RETURN(config::RawValues values, ReadStaticSettings(flags.node, environ));
  ASSIGN_OR_RETURN(const std::unique_ptr<config::Settings> settings, config::Settings::Create(std::move(values)));
  const config::SnapshotPtr current = settings->Current();
  InitLog(LogLevel::kWarn, LogFormat::kText);
  SystemRandom random;
  const SystemClock clock;
  if (flags.from == flags.to) return MakeError(Code::kInvalidArgument, "--from and --to name the same place");
  ASSIGN_OR_RETURN(const End from, OpenEnd(flags.from, Role::kSource, *current, random, clock));
  ASSIGN_OR_RETURN(const End to, OpenEnd(flags.to, Role::kTarget, *current, random, clock));
  RETURN_IF_ERROR(storage::CheckTransferred(*from.store));
  ProgressLine line(clock);
  storage::TransferOptions options{
      .source_id = from.uuid, .overwrite = flags.overwrite, .needs = NeededBy, .progress = [&line](const auto& now) {
        line.Show(now);
      }};
  // A folder's lock lets nobody else in.
  if (!to.folder) options.alone = [&store = *to.store] { return CheckNobodyRuns(store); };
  return storage::Transfer(*from.store, *to.store, random, options);
}

}  // namespace

int Migrate(const cli::MigrateFlags& flags) {
  const Result<storage::TransferReport> report = Run(flags);
  if (!report) {
    std::cerr << "mlnode: " << report.error().message << "\n";
    if (!report.error().detail.empty()) std::cerr << "mlnode: " << report.error().detail << "\n";
    return 1;
  }
  std::cout
      << fmt::format(
             "documents: {} copied, {} there already, {} removed; parts: {} copied, {} there already; all compared",
             report->documents_copied, report->documents_same, report->documents_removed, report->parts_copied,
             report->parts_same)
      << "\n"
      << std::flush;
  return 0;
}

}  // namespace mlnode::app
