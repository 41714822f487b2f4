#include "deploy/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/testing/golden_document.h"

namespace mlnode::deploy {
namespace {

using storage::testing::GoldenDocument;
using storage::testing::OfNextFormat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Plan FullPlan() {
  Plan plan;
  plan.model = ModelId("m1");
  plan.mode = PlanMode::kNodes;
  plan.nodes = {NodeId("n1"), NodeId("n2")};
  plan.to_all = true;
  plan.generation = 7;
  plan.tasks = {TaskId("t1"), TaskId("t2")};
  plan.requested_at = 100;
  plan.deadline = 200;
  plan.outcome = Outcome{.kind = Outcome::Kind::kPartial, .at = 150, .reason = "{\"n2\":\"no\"}"};
  plan.last_deployed_time = 150;
  plan.early = true;
  plan.remote = true;
  plan.succeeded = true;
  plan.reference_precision = true;
  return plan;
}

storage::Document Stored(storage::Key key, json::object body) {
  return {.key = std::move(key), .body = std::move(body), .revision = 42, .version = 3};
}

TEST(PlanTest, ReadsWhatItStores) {
  const Plan plan = FullPlan();
  const auto read = ReadPlan(Stored(PlanKey(plan.model), StoredForm(plan)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->model, plan.model);
  EXPECT_EQ(read->mode, PlanMode::kNodes);
  EXPECT_EQ(read->nodes, plan.nodes);
  EXPECT_TRUE(read->to_all);
  EXPECT_EQ(read->generation, 7u);
  EXPECT_EQ(read->tasks, plan.tasks);
  EXPECT_EQ(read->requested_at, 100);
  EXPECT_EQ(read->deadline, 200);
  ASSERT_TRUE(read->outcome);
  EXPECT_EQ(read->outcome->kind, Outcome::Kind::kPartial);
  EXPECT_EQ(read->outcome->at, 150);
  EXPECT_EQ(read->outcome->reason, "{\"n2\":\"no\"}");
  EXPECT_EQ(read->last_deployed_time, 150);
  EXPECT_TRUE(read->early);
  EXPECT_TRUE(read->remote);
  EXPECT_TRUE(read->succeeded);
  EXPECT_TRUE(read->reference_precision);
  EXPECT_EQ(read->revision, 42u);
}

TEST(PlanTest, OpenPlanHasNoOutcome) {
  Plan plan = FullPlan();
  plan.outcome.reset();
  plan.last_deployed_time.reset();
  const auto read = ReadPlan(Stored(PlanKey(plan.model), StoredForm(plan)));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->outcome);
  EXPECT_FALSE(read->last_deployed_time);
}

TEST(PlanTest, UndeployedIsTheNextGenerationOfNothing) {
  const Plan plan = Undeployed(FullPlan(), 300);
  EXPECT_EQ(plan.generation, 8u);
  EXPECT_EQ(plan.mode, PlanMode::kNone);
  EXPECT_THAT(plan.nodes, ::testing::IsEmpty());
  EXPECT_EQ(plan.requested_at, 300);
  EXPECT_FALSE(plan.outcome);
  EXPECT_FALSE(plan.reference_precision);
  EXPECT_TRUE(plan.to_all) << "as the peer goes on to show";
  EXPECT_EQ(plan.last_deployed_time, 150);
}

TEST(PlanTest, DamagedDocumentIsDataLossNamingTheField) {
  struct Case {
    std::string_view field;
    json::value value;
  };
  for (const Case& damage : {Case{"mode", "sideways"}, Case{"generation", -1}, Case{"tasks", 3}, Case{"outcome", "x"},
                             Case{"deadline", nullptr}, Case{"early", 1}, Case{"remote", 1}}) {
    json::object body = StoredForm(FullPlan());
    body[damage.field] = damage.value;
    const auto read = ReadPlan(Stored(PlanKey(ModelId("m1")), std::move(body)));
    ASSERT_FALSE(read) << damage.field;
    EXPECT_EQ(read.error().code, Code::kDataLoss);
    EXPECT_THAT(read.error().message, HasSubstr(std::string(damage.field)));
    EXPECT_THAT(read.error().message, HasSubstr("plan m1"));
  }
}

TEST(PlacementTest, ReadsWhatItStores) {
  Placement placement;
  placement.node = NodeId("n1");
  placement.model = ModelId("a/b");  // only the first slash separates
  placement.generation = 4;
  placement.incarnation = 0xFEDCBA9876543210ULL;
  placement.state = PlacementState::kFailed;
  placement.phase = "unpacking";
  placement.done_bytes = 5;
  placement.total_bytes = 9;
  placement.reason = "No tokenizer file";
  placement.retryable = true;
  placement.expired = true;
  placement.since = 11;
  placement.progressed_at = 12;
  const auto read = ReadPlacement(Stored(PlacementKey(placement.node, placement.model), StoredForm(placement)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->node, placement.node);
  EXPECT_EQ(read->model, placement.model);
  EXPECT_EQ(read->generation, 4u);
  EXPECT_EQ(read->incarnation, 0xFEDCBA9876543210ULL);
  EXPECT_EQ(read->state, PlacementState::kFailed);
  EXPECT_EQ(read->phase, "unpacking");
  EXPECT_EQ(read->done_bytes, 5u);
  EXPECT_EQ(read->total_bytes, 9u);
  EXPECT_EQ(read->reason, "No tokenizer file");
  EXPECT_TRUE(read->retryable);
  EXPECT_TRUE(read->expired);
  EXPECT_EQ(read->since, 11);
  EXPECT_EQ(read->progressed_at, 12);
}

TEST(PlacementTest, DamagedDocumentIsDataLoss) {
  EXPECT_EQ(ReadPlacement(Stored({storage::Collection::kPlacements, "noslash"}, StoredForm(Placement()))).error().code,
            Code::kDataLoss);
  json::object body = StoredForm(Placement());
  body["incarnation"] = "xyz";
  EXPECT_THAT(ReadPlacement(Stored(PlacementKey(NodeId("n"), ModelId("m")), std::move(body))).error().message,
              HasSubstr("incarnation"));
}

TEST(LeaseTest, ReadsWhatItStores) {
  Lease lease;
  lease.node = NodeId("n1");
  lease.incarnation = ~0ULL;
  lease.beat = 9;
  lease.name = "node-1";
  lease.roles = {"data", "ml"};
  lease.address = "127.0.0.1:9200";
  lease.version = "0.1.0";
  lease.started_at = 77;
  EXPECT_FALSE(StoredForm(lease).contains("leaving")) << "defaults are not written";
  lease.attributes = {{"box_type", "hot"}, {"zone", ""}};
  lease.memory_bytes = 1ULL << 40U;
  lease.lanes = 12;
  lease.fast_precision = "amx";
  lease.leaving = true;
  const auto read = ReadLease(Stored(LeaseKey(lease.node), StoredForm(lease)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->node, lease.node);
  EXPECT_EQ(read->incarnation, ~0ULL);
  EXPECT_EQ(read->beat, 9u);
  EXPECT_EQ(read->name, "node-1");
  EXPECT_THAT(read->roles, ElementsAre("data", "ml"));
  EXPECT_EQ(read->address, "127.0.0.1:9200");
  EXPECT_EQ(read->version, "0.1.0");
  EXPECT_EQ(read->started_at, 77);
  EXPECT_EQ(read->attributes, lease.attributes);
  EXPECT_EQ(read->memory_bytes, 1ULL << 40U);
  EXPECT_EQ(read->lanes, 12u);
  EXPECT_EQ(read->fast_precision, "amx");
  EXPECT_TRUE(read->leaving);
  json::object negative = StoredForm(lease);
  negative["lanes"] = -1;
  EXPECT_THAT(ReadLease(Stored(LeaseKey(lease.node), std::move(negative))).error().message, HasSubstr("lanes"));
}

TEST(BegunTest, ReadsWhatItStores) {
  const BegunLoads begun{{ModelId("m1"), {.generation = 7, .incarnation = 0xFEDC'BA98'7654'3210, .count = 2}},
                         {ModelId("m2"), {.generation = 1, .incarnation = 1, .count = 1}}};
  const auto read = ReadBegun(Stored(BegunKey(NodeId("n1")), StoredForm(begun)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, begun);
}

TEST(BegunTest, DamagedDocumentIsDataLoss) {
  for (const json::object& body :
       {json::object{}, json::object{{"models", 3}}, json::object{{"models", json::object{{"m", 3}}}},
        json::object{{"models", json::object{{"m", json::object{{"generation", 1}, {"incarnation", "x"}}}}}}}) {
    const auto read = ReadBegun(Stored(BegunKey(NodeId("n1")), body));
    ASSERT_FALSE(read) << ToJson(body);
    EXPECT_EQ(read.error().code, Code::kDataLoss);
    EXPECT_THAT(read.error().message, HasSubstr("begun loads of n1"));
  }
}

TEST(GoldenDeploymentTest, DocumentsAreReadAndWrittenBackEqual) {
  for (const char* name : {"plan.1.json", "plan.1.open.json", "plan.1.reference.json"}) {
    storage::Document plan = GoldenDocument(PlanKey(ModelId("m1")), name);
    plan.body.erase("attempts");  // of versions before begun/<node> was: left out
    EXPECT_EQ(ToJson(StoredForm(ReadPlan(plan).value())), ToJson(plan.body));
  }
  const storage::Document placement = GoldenDocument(PlacementKey(NodeId("n1"), ModelId("m1")), "placement.1.json");
  EXPECT_EQ(ToJson(StoredForm(ReadPlacement(placement).value())), ToJson(placement.body));
  const storage::Document begun = GoldenDocument(BegunKey(NodeId("n1")), "begun.1.json");
  EXPECT_EQ(ToJson(StoredForm(ReadBegun(begun).value())), ToJson(begun.body));
  for (const char* name : {"lease.1.json", "lease.1.cluster.json"}) {
    const storage::Document lease = GoldenDocument(LeaseKey(NodeId("n1")), name);
    EXPECT_EQ(ToJson(StoredForm(ReadLease(lease).value())), ToJson(lease.body));
  }
}

TEST(GoldenDeploymentTest, TheNextFormatIsRefused) {
  const auto plan = ReadPlan(OfNextFormat(GoldenDocument(PlanKey(ModelId("m1")), "plan.1.json")));
  EXPECT_THAT(plan.error().message, HasSubstr("plans/m1 has format 2"));
  const auto placement =
      ReadPlacement(OfNextFormat(GoldenDocument(PlacementKey(NodeId("n1"), ModelId("m1")), "placement.1.json")));
  EXPECT_THAT(placement.error().message, HasSubstr("placements/n1/m1 has format 2"));
  const auto lease = ReadLease(OfNextFormat(GoldenDocument(LeaseKey(NodeId("n1")), "lease.1.json")));
  EXPECT_THAT(lease.error().message, HasSubstr("leases/n1 has format 2"));
}

}  // namespace
}  // namespace mlnode::deploy
