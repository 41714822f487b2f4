#include "models/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/testing/golden_document.h"

namespace mlnode::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Model Example() {
  Model model;
  model.id = ModelId("m1");
  model.name = "minilm";
  model.version = "2";
  model.group = GroupId("g1");
  model.format = engines::ModelFormat::kOnnx;
  model.description = "by url";
  model.config = json::object{{"model_type", "bert"}};
  model.content_hash = std::string(64, 'a');
  model.content_bytes = 83'413'604;
  model.total_chunks = 9;
  model.is_enabled = false;
  model.passthrough = {{"rate_limiter", {{"limit", 4}}}, {"deploy_setting", {{"model_ttl_minutes", -1}}}};
  model.created_time = 5;
  model.last_updated_time = 6;
  model.last_registered_time = 7;
  model.registration = Registration::kRegistered;
  model.upload = UploadId("u1");
  model.received_parts = {0, 3, 8};
  model.register_task = TaskId("t1");
  return model;
}

storage::Document Stored(const Model& model) {
  return {
      .key = {storage::Collection::kModels, model.id.str()}, .body = StoredForm(model), .revision = 11, .version = 4};
}

TEST(ModelFormTest, PublicFormIsThePeers) {
  EXPECT_EQ(
      ToJson(PublicForm(Example())),
      R"({"name":"minilm","model_group_id":"g1","algorithm":"TEXT_EMBEDDING","model_version":"2","description":"by url",)"
      R"("model_format":"ONNX","model_state":"REGISTERED","model_content_size_in_bytes":83413604,"model_content_hash_value":")" +
          std::string(64, 'a') +
          R"(","model_config":{"model_type":"bert"},"deploy_setting":{"model_ttl_minutes":-1},"is_enabled":false,)"
          R"("rate_limiter":{"limit":4},"created_time":5,"last_updated_time":6,"last_registered_time":7,"total_chunks":9,)"
          R"("is_hidden":false})");
}

TEST(ModelFormTest, StoredFormReadsBack) {
  const Model read = ReadModel(Stored(Example())).value();
  EXPECT_EQ(ToJson(StoredForm(read)), ToJson(StoredForm(Example())));
  EXPECT_EQ(read.id.str(), "m1");
  EXPECT_EQ(read.revision, 11U);
  EXPECT_EQ(read.doc_version, 4U);
  EXPECT_EQ(read.received_parts, (std::vector<std::uint32_t>{0, 3, 8}));
}

TEST(ModelFormTest, AnUpdatedModelShowsItsId) {
  Model model = Example();
  model.shows_id = true;
  EXPECT_EQ(PublicForm(model).at("model_id"), "m1");
  EXPECT_TRUE(ReadModel(Stored(model)).value().shows_id);
  EXPECT_FALSE(ReadModel(Stored(Example())).value().shows_id);
}

TEST(ModelFormTest, GoldenDocumentsAreReadAndWrittenBackEqual) {
  for (const char* name : {"model.1.json", "model.1.registering.json", "model.1.remote.json"}) {
    const storage::Document golden = storage::testing::GoldenDocument({storage::Collection::kModels, "m1"}, name);
    const Result<Model> read = ReadModel(golden);
    ASSERT_TRUE(read) << name << ": " << read.error().message;
    EXPECT_EQ(ToJson(StoredForm(*read)), ToJson(golden.body));
    EXPECT_EQ(UploadOf(golden).value().str(), "hboZCaIBChNpZEQV1a9b");
  }
}

TEST(ModelFormTest, TheNextFormatIsRefused) {
  const storage::Document next = storage::testing::OfNextFormat(Stored(Example()));
  EXPECT_THAT(ReadModel(next).error().message, HasSubstr("models/m1 has format 2"));
  // Who knows which uploads it names: nobody's parts may be removed on its word.
  EXPECT_EQ(UploadOf(next).error().code, Code::kDataLoss);
}

TEST(ModelFormTest, TheLeastModelReadsBack) {
  Model model;
  model.id = ModelId("m");
  model.upload = UploadId("u");
  model.version = "1";
  EXPECT_EQ(ToJson(StoredForm(ReadModel(Stored(model)).value())), ToJson(StoredForm(model)));
}

TEST(ModelFormTest, ADamagedFieldIsNamed) {
  for (const char* field :
       {"name", "model_group_id", "algorithm", "model_version", "description", "model_format", "model_state",
        "model_content_size_in_bytes", "model_content_hash_value", "model_config", "is_enabled", "created_time",
        "last_updated_time", "last_registered_time", "total_chunks", "_mlnode"}) {
    storage::Document document = Stored(Example());
    document.body[field] = json::array{json::object()};
    const Result<Model> read = ReadModel(document);
    ASSERT_FALSE(read) << field;
    EXPECT_EQ(read.error().code, Code::kDataLoss) << field;
    EXPECT_THAT(read.error().message, HasSubstr("[" + std::string(field)));
  }
}

TEST(ModelFormTest, PartsMustAscend) {
  for (const json::array& parts :
       {json::array{1, 1}, json::array{2, 1}, json::array{-1}, json::array{"0"}, json::array{5'000'000'000}}) {
    storage::Document document = Stored(Example());
    document.body["_mlnode"].as_object()["received_parts"] = parts;
    EXPECT_EQ(ReadModel(document).error().code, Code::kDataLoss) << ToJson(parts);
  }
}

TEST(ModelFormTest, UploadIsReadFromADocumentThatIsDamagedElsewhere) {
  storage::Document document = Stored(Example());
  document.body.erase("name");
  EXPECT_EQ(UploadOf(document).value().str(), "u1");
  document.body.erase("_mlnode");
  EXPECT_EQ(UploadOf(document).error().code, Code::kDataLoss);
}

TEST(ChunkFormTest, IsThePeersWithoutContent) {
  EXPECT_EQ(
      ToJson(ChunkForm(Example(), 5)),
      R"({"model_id":"m1","model_group_id":"g1","algorithm":"TEXT_EMBEDDING","model_version":"2","model_format":"ONNX",)"
      R"("chunk_number":5,"total_chunks":9})");
}

Model OfState(Registration registration) {
  Model model;
  model.id = ModelId("m1");
  model.registration = registration;
  model.upload = UploadId("u1");
  return model;
}

TEST(StoredPartsTest, ARegisteredModelNeedsAllItsChunks) {
  Model model = OfState(Registration::kRegistered);
  model.total_chunks = 3;
  const auto needed = StoredParts(Stored(model));
  ASSERT_TRUE(needed) << needed.error().message;
  EXPECT_EQ(needed->upload.str(), "u1");
  EXPECT_THAT(needed->numbers, ElementsAre(0U, 1U, 2U));
  model.received_parts = {0, 1, 2};
  EXPECT_THAT(StoredParts(Stored(model))->numbers, ElementsAre(0U, 1U, 2U));
}

TEST(StoredPartsTest, OneThatIsBeingRegisteredNeedsWhatWasReceived) {
  Model model = OfState(Registration::kRegistering);
  model.total_chunks = 9;
  model.received_parts = {0, 3, 8};
  EXPECT_THAT(StoredParts(Stored(model))->numbers, ElementsAre(0U, 3U, 8U));
  EXPECT_THAT(StoredParts(Stored(OfState(Registration::kRegistering)))->numbers, IsEmpty()) << "by URL, not yet ended";
}

TEST(StoredPartsTest, ARemoteModelAndOtherDocumentsNeedNone) {
  Model remote = OfState(Registration::kRegistered);
  remote.function = FunctionName::kRemote;
  EXPECT_THAT(StoredParts(Stored(remote))->numbers, IsEmpty());
  EXPECT_THAT(StoredParts({.key = {storage::Collection::kPlans, "m1"}, .body = {}})->numbers, IsEmpty());
}

TEST(StoredPartsTest, ADamagedDocumentDoesNotTell) {
  storage::Document document = Stored(OfState(Registration::kRegistered));
  document.body["total_chunks"] = 1'000'000'000;
  EXPECT_EQ(StoredParts(document).error().code, Code::kDataLoss);
  document.body["total_chunks"] = -1;
  EXPECT_EQ(StoredParts(document).error().code, Code::kDataLoss);
  document.body.erase("_mlnode");
  EXPECT_EQ(StoredParts(document).error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace mlnode::models
